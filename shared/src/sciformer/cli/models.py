"""``sciformer models``: trained networks that are known, and where they are to be had."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import entry_points
from math import prod
from pathlib import Path

from rich.table import Column, Table
from safetensors import safe_open

from sciformer.allowlist import GROUP
from sciformer.cli.project import Project, Weights
from sciformer.report.terminal import literal, terminal
from sciformer.training.checkpoints import shipped

UNKNOWN = "unknown"
COLUMNS = ("model", "command", "parameters", "address", "size", "SHA-256", "licence")
LICENCE = "MIT"  # of the packages, and of what they ship


def models() -> None:
    """List trained networks with address, size, SHA-256 and licence, as far as they are certain.

    The address of a network that a package ships is what every verb takes for a checkpoint.
    """
    table = Table(*(Column(name, overflow="fold") for name in COLUMNS))
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        project: Project = entry.load()
        for each in (*_shipped(project.name), *project.weights):
            said = (each.parameters, each.address, each.size, each.sha256, each.licence)
            cells = [each.name, project.command, *(value or UNKNOWN for value in said)]
            table.add_row(*map(literal, cells))
    terminal().print(table)


def _shipped(project: str) -> Iterator[Weights]:
    """Networks in the package of a project."""
    for name, path in shipped.networks().items():
        if name.startswith(f"{project}/"):
            size, digest = f"{path.stat().st_size / 1e6:.1f} MB", _sha256(path)
            yield Weights(path.parent.name, _parameters(path), name, size, digest, LICENCE)


def _parameters(path: Path) -> str:
    """Number of parameters in a file, in millions."""
    with safe_open(path, "np") as file:
        count = sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return f"{count / 1e6:.3g} M"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
