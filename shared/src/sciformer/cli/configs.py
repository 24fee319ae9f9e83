"""``PROJECT configs``: the configurations that a package ships."""

import re
import sys
from pathlib import Path
from typing import Literal

from sciformer.arguments import ArgumentError
from sciformer.cli.options import configs_of
from sciformer.cli.project import Project
from sciformer.files import new_file, write_atomically
from sciformer.text import did_you_mean


def configs(
    project: Project,
    action: Literal["list", "show", "copy"] = "list",
    name: str | None = None,
    out: str | None = None,
    overwrite: bool = False,
) -> None:
    """List, show or copy the configurations of the package.

    Args:
        project: The project.
        action: ``list`` all with what they are for, ``show`` one, or ``copy`` it to a file.
        name: Name of a configuration, such as ``quick``.
        out: File or folder to copy to; by default the working folder.
        overwrite: Replace an existing file.

    Raises:
        ValueError: If there is no such configuration, or the file exists.
    """
    found = {path.stem: path for path in sorted(configs_of(project.name).glob("*.yaml"))}
    if action == "list":
        width = max(map(len, found), default=0)
        for each, path in found.items():
            sys.stdout.write(f"{each:{width}}  {_purpose(path.read_text(encoding='utf-8'))}\n")
        return
    path = found.get(Path(name or "").stem)
    if path is None:
        near = did_you_mean(name or "", found) or f"; choose from {', '.join(found)}"
        raise ArgumentError("name", f"no configuration {name!r}{near}")
    text = path.read_text(encoding="utf-8")
    if action == "show":
        sys.stdout.write(text)
        return
    target = Path(out or ".")
    target = new_file(target / path.name if target.suffix != path.suffix else target, overwrite)
    write_atomically(target, lambda beside: beside.write_text(text, encoding="utf-8"))
    sys.stdout.write(f"{target}: {project.command} fit --config {target}\n")


def _purpose(text: str) -> str:
    """First clause of the comment at the top of a configuration."""
    lines = re.match(r"(?:#.*\n)*", text)
    said = " ".join(line.lstrip("# ") for line in (lines[0] if lines else "").splitlines())
    return re.split(r"[.:;](?: |$)", said)[0]
