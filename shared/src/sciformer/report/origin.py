"""Origin of a result: the command as typed, the code, the day, the machine and the data."""

import glob
import hashlib
import platform
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from sciformer.text import counted, hide_secrets

TYPED: list[str] = []  # this process's command line, before options are renamed or paths found
WHOLE = 2**28  # bytes that are hashed whole; of more only:
EDGE, FIRST = 2**16, 1000  # bytes at both ends of so many files, and the sizes of all
SHOWN = 16  # hexadecimal digits of a hash
INDEX = "index.json"  # of a folder of shards, with the hashes of all of them


def remember(words: Sequence[str]) -> None:
    """Keep the words of a command line as they were typed."""
    TYPED[:] = words


def origin() -> dict[str, str]:
    """Command as typed, date, commit of the code, host and CPU; what is unknown is left out."""
    facts = {
        "command": hide_secrets(shlex.join(TYPED or sys.argv)),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "host": socket.gethostname(),
        "cpu": _cpu(),
    }
    return {name: fact for name, fact in facts.items() if fact}


@cache
def _commit() -> str:
    """Commit of the checkout that this file belongs to; empty for an installed package."""
    own = Path(__file__)

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(own.parent), *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", own.name)  # or somebody else's checkout holds our venv
        return git("describe", "--always", "--dirty", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return ""


@cache
def _cpu() -> str:
    """Name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def data_hashes(settings: Any) -> dict[str, str]:
    """SHA-256 of the files that settings name.

    Args:
        settings: Paths or glob patterns of files and folders, at any depth; other text is left out.

    Returns:
        For each path that exists: number of files and a hash of all. Of a folder of shards the
        index is hashed, which has the hashes of the shards; of more than 256 MiB only sizes and
        the ends of files, which is said.
    """
    found = {path: _files(path) for path in _paths(settings)}
    return {hide_secrets(path): _hashed(files) for path, files in found.items() if files}


def data_times(settings: Any) -> dict[str, list[tuple[int, int]]]:
    """Sizes and times of change of the files that settings name, see :func:`data_hashes`."""
    found = {path: [file.stat() for file in _files(path)] for path in _paths(settings)}
    return {path: [(s.st_size, s.st_mtime_ns) for s in stats] for path, stats in found.items()}


def _paths(settings: Any) -> Iterator[str]:
    if isinstance(settings, str):
        if "/" in settings or Path(settings).suffix:  # else a word, such as a name
            yield settings
    elif isinstance(settings, Mapping):
        for value in settings.values():
            yield from _paths(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _paths(value)


def _files(path: str) -> list[Path]:
    """Files of a path or pattern, in order."""
    try:
        found = glob.glob(str(Path(path).expanduser()))  # noqa: PTH207  # an absolute pattern too
        given = [Path(each) for each in sorted(found)]
    except (RuntimeError, ValueError):  # no such home; a zero byte
        return []
    files: list[Path] = []
    for each in given:
        shards = each / INDEX
        inside = [shards] if shards.is_file() else sorted(each.rglob("*"))
        files += [each] if each.is_file() else [file for file in inside if file.is_file()]
    return files


def _hashed(files: Sequence[Path]) -> str:
    sizes, many = [file.stat().st_size for file in files], counted(len(files), "file")
    if sum(sizes) > WHOLE:
        ends = [_ends(file, size) for file, size in zip(files[:FIRST], sizes, strict=False)]
        said = hashlib.sha256(b"".join([repr(sizes).encode(), *ends])).hexdigest()
        return f"{many}, sha256 of sizes and ends {said[:SHOWN]}"
    hashes = []
    for path in files:
        with path.open("rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    if len(files) == 1:
        return f"sha256 {hashes[0][:SHOWN]}"
    said = hashlib.sha256("".join(hashes).encode()).hexdigest()
    return f"{many}, sha256 of their hashes {said[:SHOWN]}"


def _ends(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        start = file.read(EDGE)
        file.seek(max(0, size - EDGE))
        return start + file.read()
