"""A project's configurations, the keys of its YAML files with their defaults, and its verbs."""

import os
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from sciformer.cli.main import run
from sciformer.cli.options import configs_of
from sciformer.cli.project import Project
from sciformer.cli.schema import config_schema


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each project."""
    os.environ["COLUMNS"] = "88"  # of the help that is shown
    for entry in entry_points(group="sciformer.projects"):
        text = options(entry.load())
        files.append(File.generated(config, f"options/{entry.name}.md", content=text))
    return files


def options(project: Project) -> str:
    """Page of a project's configurations, their keys, and the verbs with their options."""
    properties = config_schema(project)["properties"]
    plain = {key: value for key, value in properties.items() if "properties" not in value}
    parts = [
        f"# {project.command}",
        "What `--help` says, and the keys of the YAML files with their defaults. "
        f"`{project.command} schema` prints them for an editor. "
        "An option without a default is `null` or has to be given.",
        "## Shipped configurations",
        *(shipped(path) for path in sorted(configs_of(project.name).glob("*.yaml"))),
    ]
    for group in ("data", "model"):
        parts += [
            f"## {group}",
            properties[group]["description"] + ".",
            table(properties[group], group),
        ]
    parts += [
        "## Every run",
        table({"properties": plain}, ""),
        "The options `trainer.*` are those of Lightning's Trainer: `fit --help-all` explains them.",
        "## Verbs",
    ]
    for verb in project.verbs:
        parts.append(f"### {verb}\n\n```text\n{help_of(project, verb)}\n```")
    return "\n\n".join(parts) + "\n"


def shipped(path: Path) -> str:
    """A configuration, folded."""
    lines = "\n".join(f"    {line}" if line else "" for line in path.read_text().splitlines())
    return f'??? note "{path.name}"\n\n    ```yaml\n{lines}\n    ```'


def help_of(project: Project, verb: str) -> str:
    """What a verb's ``--help`` prints."""
    with redirect_stdout(StringIO()) as out, suppress(SystemExit):
        run(project, [verb, "--help"])
    return out.getvalue().strip()


def table(schema: dict[str, Any], prefix: str) -> str:
    """Keys of a schema with types, defaults and meaning."""
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, kind, default, text in leaves(schema, prefix):
        rows.append(f"| `{key}` | {kind} | {default} | {text} |")
    return "\n".join(rows)


def leaves(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    """Options of a schema, those of a group within it by their dotted names."""
    for name, option in schema["properties"].items():
        key = f"{prefix}.{name}".lstrip(".")
        if name == "$schema":
            continue
        if "properties" in option:
            yield from leaves(option, key)
            continue
        default = option.get("default")
        shown = (
            ""
            if default is None
            else f"`{yaml.safe_dump(default, default_flow_style=True).split(chr(10))[0]}`"
        )
        text = (
            " ".join(option.get("description", "").split()).replace("``", "`").replace("|", "\\|")
        )
        yield key, kind_of(option), shown, text


def kind_of(option: dict[str, Any]) -> str:
    """Type of an option, in words."""
    if "enum" in option:
        return ", ".join(f"`{value}`" for value in option["enum"])
    if "anyOf" in option:
        return " or ".join(dict.fromkeys(map(kind_of, option["anyOf"])))
    if option.get("type") == "array":
        inner = kind_of(option["items"]) if isinstance(option.get("items"), dict) else ""
        return f"list of {inner}" if inner else "list"
    kinds = option.get("type", "any")
    return " or ".join([kinds] if isinstance(kinds, str) else kinds)
