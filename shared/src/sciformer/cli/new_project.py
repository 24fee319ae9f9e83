"""``sciformer new``: create a project from a template that trains and passes its test."""

import keyword
import re
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from string import Template

from sciformer.arguments import ArgumentError
from sciformer.files import check_writable, local

TEMPLATE = Path(__file__).parent / "template"
ENDING = ".in"  # or tools would take the files for code of ours
PLACE = "NAME"  # in paths
IMPORTS = r"(?:^from (?:{}|sciformer)\..*\n)+"


def new(name: str, out: str | None = None) -> None:
    """Create a new project, whose template learns the mean of a sequence.

    Args:
        name: Import name of the package: lower case letters, digits and underscores.
        out: Output folder; by default ``./NAME``.

    Raises:
        ValueError: If the name is invalid or in use, or the folder exists.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ArgumentError("name", f"{name!r} is no name of a package in lower case")
    if find_spec(name) is not None:
        raise ArgumentError("name", f"{name!r} is taken by a package that is installed")
    folder = local(out or name, "out")
    if folder.exists():
        raise ArgumentError("out", f"{folder} is there already")
    title = "".join(part.capitalize() for part in name.split("_"))
    words = {"name": name, "title": title, "command": name.replace("_", "-")}
    parent = check_writable(folder.parent, "out")
    with tempfile.TemporaryDirectory(dir=parent, prefix=f".{name}.") as beside:
        whole = Path(beside) / name
        for source in TEMPLATE.rglob(f"*{ENDING}"):
            place = str(source.relative_to(TEMPLATE)).removesuffix(ENDING)
            path = whole / place.replace(PLACE, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            text = Template(source.read_text()).substitute(words)
            path.write_text(re.sub(IMPORTS.format(name), _sorted, text, flags=re.MULTILINE))
        whole.rename(folder)
    sys.stdout.write(f"{folder}: README.md says how to go on\n")


def _sorted(imports: re.Match[str]) -> str:
    return "".join(sorted(imports[0].splitlines(keepends=True)))
