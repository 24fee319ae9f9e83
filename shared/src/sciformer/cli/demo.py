"""``sciformer demo``: quick training of every installed project, and one page of results."""

import os
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

from sciformer.allowlist import GROUP, safe_environment
from sciformer.arguments import check_least
from sciformer.cli.project import Project
from sciformer.report.combined import Done, Failed, join, results
from sciformer.report.html import duration
from sciformer.report.origin import origin
from sciformer.report.report import literal, report_folder, rich_table, terminal


def demo(out: str = "runs/demo", seed: int = 0, overwrite: bool = False) -> None:
    """Train ``configs/PROJECT/quick.yaml`` of every installed project and show the results.

    If a project fails the others still run; the exit code is then 1.

    Args:
        out: Output folder of the runs, their reports, and a combined page (``index.html``).
        seed: Seed of every run.
        overwrite: Replace an existing demo.

    Raises:
        ValueError: If no project is installed, or the folder holds results.
    """
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    projects: list[Project] = [entry.load() for entry in found]
    if not projects:
        raise ValueError("no project is installed: pip install ./packages/contextual_counting")
    check_least(seed=(seed, 0))
    folder = report_folder(out, overwrite)
    start = time.perf_counter()
    parts = [_quick(project, folder, seed, overwrite) for project in projects]
    facts = {"Time of everything": duration(time.perf_counter() - start), "Seed": str(seed)}
    summary = "The quick run of every installed project."
    page = join("sciformer", parts, folder, facts, summary, origin())
    console = terminal()
    console.print(rich_table(results(parts)))
    console.print(literal(f"Pictures and tables: {page}"))
    if any(isinstance(part, Failed) for part in parts):
        sys.exit(1)


def _quick(project: Project, out: Path, seed: int, overwrite: bool) -> Done | Failed:
    run, report = out / project.name / "run", out / project.name / "report"
    fit = [
        *("fit", "--config", f"configs/{project.name}/quick.yaml"),
        *("--seed_everything", str(seed), "--trainer.default_root_dir", str(run)),
    ]
    evaluate = ["evaluate", str(run), "--out", str(report)]
    again = ["--overwrite"] if overwrite else []
    for words in ([*fit, *again], [*evaluate, *again]):
        sys.stdout.write(f"\n$ {project.command} {' '.join(words)}\n")
        code, log = _tee([sys.executable, "-m", project.name, *words])
        if code:
            return Failed(project.name, log)
    return Done(project.name, report)


def _tee(command: list[str]) -> tuple[int, str]:
    """Run a program; show its output as it comes, and return it."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=safe_environment()
    ) as process:
        assert process.stdout is not None
        said = bytearray()
        while chunk := os.read(process.stdout.fileno(), 4096):
            said += chunk
            sys.stdout.buffer.write(chunk)
            sys.stdout.flush()
    return process.returncode, said.decode(errors="replace")
