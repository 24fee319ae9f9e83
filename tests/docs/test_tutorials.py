"""The tutorials, which ``make docs`` executes: what can be seen in their text."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

TUTORIALS = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.py"))
ELSEWHERE = {"IPython", "clusters"}  # of every notebook; the package that a tutorial writes


@pytest.fixture(params=TUTORIALS, ids=lambda path: path.stem)
def text(request):
    return request.param.read_text()


def test_there_are_five():
    names = [path.stem for path in TUTORIALS]
    assert names == ["counting", "galaxies", "own_project", "pdebench", "table"]


def test_a_tutorial_begins_with_its_title_and_works_in_a_folder_of_its_own(text):
    assert re.match(r"# %% \[markdown\]\n# # \w.*\n#\n# \w", text)
    assert "tempfile.TemporaryDirectory()" in text.split("# %% [markdown]")[1]
    assert not re.search(r"\.\./|/tmp|/home", text)


def test_a_tutorial_imports_only_what_is_installed(text):
    named = set()
    for node in ast.walk(ast.parse(text)):
        named |= {node.module} if isinstance(node, ast.ImportFrom) else set()
        named |= {each.name for each in node.names} if isinstance(node, ast.Import) else set()
    found = {str(name).partition(".")[0] for name in named} - ELSEWHERE
    assert not [name for name in found if find_spec(name) is None]


def test_a_command_that_fails_ends_a_tutorial(text):
    """Notebooks go on behind ``!command``, and bash behind each line, unless it is told ``-e``."""
    assert not re.search(r"^(# )?!", text, re.MULTILINE)
    cells = re.findall(r"^# %%.*language=\"bash\".*$", text, re.MULTILINE)
    assert cells
    assert all('magic_args="-e"' in cell for cell in cells)
