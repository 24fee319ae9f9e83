"""The reference: every public name, by the rooms of the core and by project."""

import json
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each room and each project."""
    for name, text in reference():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def reference() -> Iterator[tuple[str, str]]:
    """Pages of the public names: of each room of the core, and of each project what it exports."""
    names = json.loads((ROOT / "tests/golden/public_api.json").read_text())["names"]
    core = [name for name in names if name.startswith("sciformer.")]
    for room, modules in groupby(sorted(core, key=_room), _room):
        blocks = [
            f"::: {module.removesuffix('.__init__')}\n    options: {{members: {names[module]}}}"
            for module in modules
        ]
        yield room, "\n\n".join([f"# {room}", *blocks]) + "\n"
    for project in sorted(set(names) - set(core)):
        blocks = [f"::: {path}" for path in exported(project)]
        yield project, "\n\n".join([f"# {project}", *blocks]) + "\n"


def _room(module: str) -> str:
    """Page of a module: its folder of the first level."""
    return ".".join(module.split(".")[: min(2, module.count("."))])


def exported(project: str) -> list[str]:
    """Where a project's exported names are defined, as its ``__init__.pyi`` says."""
    stub = (ROOT / f"packages/{project}/src/{project}/__init__.pyi").read_text()
    found = re.findall(r"from \.(\S+) import (\w+) as", stub)
    return [f"{project}.{module}.{name}" for module, name in found]
