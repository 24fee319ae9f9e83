"""Two trees to compare: a commit as git holds it, and the working tree as it is now."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def git(*words: str) -> str:
    """Ask git about this checkout; a ``ValueError`` says what it complained about."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"git {words[0]}: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    return done.stdout


def commit(revision: str) -> str:
    """The full name of a commit."""
    try:
        return git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").strip()
    except ValueError:
        raise ValueError(f"BASE={revision!r} is no commit of {ROOT}") from None


def check_out(revision: str, folder: Path) -> None:
    """Write the files of a commit into a folder; nothing is left in git that points there."""
    folder.mkdir()
    archive = folder / ".tar"
    git("archive", "--format=tar", f"--output={archive}", revision)
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
    archive.unlink()


def copy_working_tree(folder: Path) -> None:
    """Copy what is or could be committed, so that edits during the run do not enter."""
    folder.mkdir()
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        source, target = ROOT / name, folder / name
        if name and os.path.lexists(source) and not (source.is_dir() and not source.is_symlink()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def environment(tree: Path) -> dict[str, str]:
    """Of a process that imports this tree, and computes on one thread."""
    sources = [tree / "shared/src", *sorted((tree / "packages").glob("*/src"))]
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, **one, "PYTHONPATH": os.pathsep.join(map(str, sources))}
