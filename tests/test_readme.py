"""Commands and code of every README and how-to run, trainings cut to two steps, on few samples."""

import re
import shlex
import subprocess
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```(bash|python)\n(.*?)```", re.DOTALL)
PAGES = sorted(
    page
    for pattern in (
        "README.md",
        "configs/*.md",
        "shared/*.md",
        "packages/*/*.md",
        "docs/howto/*.md",
    )
    for page in ROOT.glob(pattern)
    if BLOCK.search(page.read_text()) or page.name == "README.md"
)
TWO_STEPS = ["--trainer.max_steps", "2", "--trainer.val_check_interval", "2"]
ONE_SYSTEM = ["--data.simulate", "[{system: shallow_water, count: 20, shape: [16, 16]}]"]
CUT = {  # verb, or project and verb -> further words
    **{"fit": TWO_STEPS, "mpp fit": [*TWO_STEPS, *ONE_SYSTEM]},
    **{"evaluate": ["--samples", "8"], "mpp evaluate": ["--windows", "4"]},
}
COMMANDS = {"sciformer": "sciformer"} | {
    entry.load().command: entry.name for entry in entry_points(group="sciformer.projects")
}

pytestmark = pytest.mark.process


@pytest.fixture(params=PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def page(request):
    return request.param


def test_the_commands_and_the_code_of_a_readme_run(page, quick_python, tmp_path):
    blocks = BLOCK.findall(page.read_text())
    assert blocks, "a README without anything to run"
    for kind, text in blocks:
        for line in [text] if kind == "python" else text.splitlines():
            command = _runnable(quick_python, kind, line)
            if command:
                done = subprocess.run(
                    command, cwd=tmp_path, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, f"{line}\n{done.stderr}"


def _runnable(python, kind, line):
    """A command of the README as the test runs it; None for what needs a network or this test."""
    if kind == "python":
        return [python, "-c", line]
    name, *words = shlex.split(line)
    if name == "make":  # would install and test all; that the target exists is what can be seen
        return ["make", "--dry-run", "-C", str(ROOT), *words]
    if name == "pip":
        folders = re.findall(r"(?:\./|git\+URL#subdirectory=)(\S+)", "\n".join(words))
        assert "shared" in folders, "the core is not on the index"
        assert all((ROOT / folder / "pyproject.toml").is_file() for folder in folders)
        return None
    assert name in COMMANDS, f"nothing knows how to run: {line}"
    words += CUT.get(f"{name} {words[0]}", CUT.get(words[0], []))
    if name == "sciformer":
        return [python, "-c", f"from sciformer.cli.main import main; main({words})"]
    return [python, "-m", COMMANDS[name], *words]
