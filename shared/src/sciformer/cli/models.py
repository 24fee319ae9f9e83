"""``sciformer models``: trained networks that are known, and where they are to be had."""

from importlib.metadata import entry_points

from rich.table import Table

from sciformer.allowlist import GROUP
from sciformer.cli.project import Project
from sciformer.report.report import literal, terminal

UNKNOWN = "unknown"
COLUMNS = ("model", "command", "parameters", "address", "size", "SHA-256", "licence")


def models() -> None:
    """List trained networks with address, size, SHA-256 and licence, as far as they are certain."""
    table = Table(*COLUMNS)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        project: Project = entry.load()
        for each in project.weights:
            said = (each.parameters, each.address, each.size, each.sha256, each.licence)
            cells = [each.name, project.command, *(value or UNKNOWN for value in said)]
            table.add_row(*map(literal, cells))
    terminal().print(table)
