"""Error messages for the command line and YAML files: file, full key and value."""

import errno
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from sciformer.allowlist import LIBRARIES, TRUST, values
from sciformer.text import did_you_mean, single_line

GROUPS = ("trainer", "model", "data")
SUFFIXES = (".yaml", ".yml", ".json")  # of configurations that are named inside of others
LONGEST_PATH = 1000
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # which jsonargparse takes
DEEPEST = 100  # lists in lists
NODES = 100_000  # values of a configuration; a file of ten lines can unfold to billions
KEYED = (  # how jsonargparse, whose errors carry no key as data, begins what it says of one
    re.compile(r'Parser key "(?P<key>[^"]+)": ?'),
    re.compile(r"Group '(?P<group>[^']+)' does not accept option '(?P<key>[^']+)'"),
    re.compile(r"Subcommand '[^']+' does not accept option '(?P<key>[^']+)'"),
    re.compile(r"Option '(?P<key>[^']+)' is not accepted"),
)
UNKNOWN = re.compile(r"unrecognized arguments: (--[\w.]+)")
ALTERNATIVES = "Does not validate against any of the Union subtypes"  # in jsonargparse's words
ONLY_TYPE = re.compile(rf"Expected a <class '[\w.]+'>$|{ALTERNATIVES}|a (class|dict) ")
OTHER_CLASS = re.compile(r"Not a valid subclass|Import path .* does not correspond to a subclass")
DENIED = re.compile(r"Importing '(?P<path>[^']+)' is not allowed")


def check_configs(words: Sequence[str], known: Sequence[str] = ()) -> None:
    """Check that all configuration files of a command line can be read, before parsing them.

    Args:
        words: Command line arguments.
        known: Configurations that the package ships, for a question after one that is missing.

    Raises:
        ValueError: Naming the first file that cannot be read, and the reason.
    """
    inner = [str(value) for name, value in _options(words) if name != "config"]
    waiting = config_paths(words) + [path for path in inner if _is_config(path)]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        content = read_config(path, known)
        seen.add(path)
        texts = (part for _, part in values("", content) if isinstance(part, str))
        beside = {str(Path(path).parent / text) for text in texts if len(text) < LONGEST_PATH}
        waiting += sorted(other for other in beside - seen if _is_config(other))


def read_config(path: str, known: Iterable[str] = ()) -> dict[str, Any]:
    """Read a configuration file.

    Args:
        path: Path of a YAML or JSON file.
        known: Other such paths, for a question after a file that is missing.

    Returns:
        Content of the file.

    Raises:
        ValueError: Naming the file, and why it cannot be read.
    """
    try:
        content = _read(path)
        nodes = _nodes(content, {})
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}{_nearest(path, known)}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file") from error
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise ValueError(f"{path}: not YAML: {single_line(str(error))}") from error
    if content is None:
        raise ValueError(f"{path}: empty")
    if not isinstance(content, dict):
        raise ValueError(f"{path}: not a table of keys and values")
    if nodes > NODES:
        raise ValueError(f"{path}: its aliases unfold to more than {NODES} values")
    _check_keys(path, content)
    return content


def _nearest(path: str, known: Iterable[str]) -> str:
    """Question after a file that is missing, with one that lies beside it or is known."""
    beside = (str(each) for each in Path(path).parent.glob("*.y*ml"))
    stems = {Path(each).stem: each for each in [*known, *beside]}
    near = [] if Path(path).exists() else get_close_matches(Path(path).stem, stems, 1)
    return f"; did you mean {stems[near[0]]}?" if near else ""


def _check_keys(path: str, content: dict[Any, Any]) -> None:
    for key, value in content.items():
        if not isinstance(key, str):
            raise ValueError(f"{path}: {key!r}: a key is a text")
        if key in GROUPS and not isinstance(value, dict | str | None):
            raise ValueError(f"{path}: {key}: {value!r} is no table of options")


def config_paths(words: Sequence[str]) -> list[str]:
    """Configuration files in a command line, in order."""
    return [value for name, value in _options(words) if name == "config" and value]


def placed(key: str, reason: str, words: Sequence[str]) -> str:
    """Format an error about an option as one line, with the file that sets the option.

    Args:
        key: Option with the path into its value: ``data.files[0].path``.
        reason: What is wrong, with the value.
        words: Command line arguments; if an option is repeated, the last one counts.

    Returns:
        One line; it starts with the file, if the value is from one.
    """
    return ": ".join(part for part in (_said(key, words)[0], key, reason) if part)


def complaint(message: str, words: Sequence[str], known: Iterable[str] = ()) -> str:
    """Format an error of the parser as one line that starts with file, key and value.

    Args:
        message: Error message of jsonargparse.
        words: Command line arguments.
        known: Options that exist, for a question after one that does not.

    Returns:
        One line.
    """
    said = _plain(single_line(_cause(message)))
    for pattern in KEYED:
        if found := pattern.match(said):
            group = found.groupdict().get("group")
            key = f"{group}.{found['key']}" if group else found["key"]
            path, value = _said(key, words)
            reason = _reason(said[found.end() :], words)
            reason = reason or f"no such option{did_you_mean(key, known)}"
            return ": ".join(part for part in (path, key, value, reason) if part)
    unknown = UNKNOWN.match(said)
    flags = (f"--{name}" for name in known)
    return said + did_you_mean(unknown[1], flags) if unknown else said


def _cause(message: str) -> str:
    """Cause of an error for a union type: why the closest alternatives do not match."""
    head, found, rest = message.partition(ALTERNATIVES)
    types = re.search(r"Subtypes: \[(.*)\]", rest)
    if not found or types is None:
        return message
    causes: list[str] = []
    bullet = 0
    for line in rest.splitlines():
        text = line.lstrip()
        depth = len(line) - len(text)
        if text.startswith("- "):
            causes.append(text.removeprefix("- "))
            bullet = depth
        elif causes and depth > bullet:
            causes[-1] += f" {text}"
    tells = [cause for cause in causes if not ONLY_TYPE.match(cause)]
    tells = [cause for cause in tells if not OTHER_CLASS.match(cause)] or tells[:1]
    return f"{head.partition(chr(10))[0]} {'; '.join(tells) or f'none of {types[1]}'}"


def _plain(message: str) -> str:
    """Error message with types as written in code."""
    message = message.partition(" Subclass types expect one of")[0]
    names = re.sub(r"<class '(?:[\w.]+\.)?(\w+)'>", r"\1", message)
    return names.replace("typing.", "").replace("NoneType", "None")


def _reason(said: str, words: Sequence[str]) -> str:
    if denied := DENIED.search(said):
        hint = "" if TRUST in words else f" ({TRUST} allows it in files of your own)"
        return f"{denied['path']!r} is of none of {', '.join(LIBRARIES)} and our projects{hint}"
    return said


def _said(key: str, words: Sequence[str]) -> tuple[str, str]:
    """File and value of an option; empty strings where unknown."""
    checkpoint = ""
    for name, value in reversed(list(_options(words))):
        if name == "config" and value and (found := _look_up(value, key)):
            return value, found
        if name == key:
            return "", repr(value)
        if _within(key, name) or _within(name, key):
            return "", ""
        if name == "ckpt_path" and value and key.startswith(("model.", "data.")):
            checkpoint = value  # its settings are the defaults
    return (checkpoint if checkpoint and Path(checkpoint).exists() else ""), ""


def _options(words: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Names and values of the options of a command line, in order."""
    for word, after in zip(words, [*words[1:], None], strict=False):
        if word == "-c":
            yield "config", after
        elif word.startswith("--"):
            name, equals, value = word.removeprefix("--").partition("=")
            yield name.removesuffix("+"), value if equals else after


def _within(key: str, outer: str) -> bool:
    return key == outer or key.startswith((f"{outer}.", f"{outer}["))


def _look_up(path: str, key: str) -> str:
    """Value of an option or of its parent in a configuration; empty if not set."""
    content, parts = _read(path), re.findall(r"[^.\[\]]+", key)
    flat = parts[:1] + parts[2:] if parts[0] == "model" and len(parts) > 2 else parts
    return _find(content, parts) or _find(content, flat)  # older files have no tables


def _find(node: Any, parts: list[str]) -> str:
    if node is None and parts:
        return ""
    if isinstance(node, list) and parts and parts[0].isdigit() and int(parts[0]) < len(node):
        return _find(node[int(parts[0])], parts[1:])
    if not isinstance(node, dict) or not parts:
        return repr(node)  # maybe an option of which the rest is a part, written in another way
    for count in range(1, len(parts) + 1):  # as a key may have dots
        for name in (".".join(parts[:count]), ".".join(parts[:count]) + "+"):
            if name in node:
                return _find(node[name], parts[count:])
    return ""


def _is_config(path: str) -> bool:
    return Path(path).suffix in SUFFIXES and Path(path).is_file()


def _read(path: str) -> Any:
    if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
        raise OSError(errno.EINVAL, "not a regular file", path)
    text = Path(path).read_text(encoding="utf-8")
    depth = 0
    for event in yaml.parse(text, LOADER):  # not recursive, as loading is
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} times")
    return yaml.load(text, LOADER)  # it is safe


def _nodes(node: Any, counted: dict[int, float]) -> float:
    """Number of values in a tree, counting YAML aliases each time; infinite for cycles."""
    if not isinstance(node, dict | list):
        return 1.0
    if id(node) not in counted:
        counted[id(node)] = math.inf
        parts = node.values() if isinstance(node, dict) else node
        counted[id(node)] = 1.0 + sum(_nodes(part, counted) for part in parts)
    return counted[id(node)]
