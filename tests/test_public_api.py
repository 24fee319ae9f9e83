"""Public names and command line options are frozen: a change has to change the list beside it.

To accept a change: ``python tests/test_public_api.py``, and say why in CHANGELOG.md.
"""

import ast
import json
import re
from contextlib import redirect_stdout
from importlib import import_module
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path

from verbs import exit_code

ROOT = Path(__file__).parents[1]
FROZEN = ROOT / "tests/golden/public_api.json"


def public_names():
    """Of each module of the core, and of each project what its package exports."""
    names = {}
    source = ROOT / "shared/src"
    for path in sorted(source.rglob("*.py")):
        module = ".".join(path.relative_to(source).with_suffix("").parts)
        defined = [
            node.name
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
        ]
        if defined:
            names[module] = sorted(defined)
    for entry in entry_points(group="sciformer.projects"):
        names[entry.name] = sorted(import_module(entry.name).__all__)
    return names


def options():
    """Of each project's verbs, those that Lightning's Trainer does not bring along."""
    found = {}
    for entry in entry_points(group="sciformer.projects"):
        project = entry.load()
        for verb in ("fit", *project.verbs):
            with redirect_stdout(StringIO()) as out:
                exit_code(project, verb, "--help-all")
            flags = set(re.findall(r"^  (--[\w.]+)", out.getvalue(), re.MULTILINE))
            flags = {flag for flag in flags if not flag.startswith("--trainer")}
            found[f"{project.command} {verb}"] = sorted(flags)
    return found


def test_public_names_are_the_frozen_ones():
    assert public_names() == json.loads(FROZEN.read_text())["names"]


def test_command_line_options_are_the_frozen_ones():
    assert options() == json.loads(FROZEN.read_text())["options"]


def test_every_exported_name_can_be_imported():
    for entry in entry_points(group="sciformer.projects"):
        package = import_module(entry.name)
        assert all(getattr(package, name) is not None for name in package.__all__)


if __name__ == "__main__":
    FROZEN.write_text(json.dumps({"names": public_names(), "options": options()}, indent=1) + "\n")
