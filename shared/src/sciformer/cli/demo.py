"""``sciformer demo``: quick training of every installed project, and one page of results."""

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path

from sciformer.allowlist import GROUP, safe_environment
from sciformer.arguments import ArgumentError, check_least
from sciformer.cli.project import Project
from sciformer.files import new_folder, write_atomically
from sciformer.report.combined import Done, Failed, join, results
from sciformer.report.html import METRICS, PAGE, duration
from sciformer.report.origin import origin
from sciformer.report.report import rich_table
from sciformer.report.terminal import literal, terminal
from sciformer.strict_json import read_json, to_json

STATE = "demo.json"  # its seed, in its folder


def demo(out: str = "runs/demo", seed: int = 0, overwrite: bool = False) -> None:
    """Train ``configs/PROJECT/quick.yaml`` of every installed project and show the results.

    A demo that was interrupted goes on where it was. If a project fails the others still run; the
    exit code is then 1.

    Args:
        out: Output folder of the runs, their reports, and a combined page (``index.html``).
        seed: Seed of every run.
        overwrite: Begin anew instead of going on with the demo in the folder.

    Raises:
        ValueError: If no project is installed, or the folder holds something else.
    """
    found = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    projects: list[Project] = [entry.load() for entry in found]
    if not projects:
        raise ValueError("no project is installed: pip install ./packages/contextual_counting")
    check_least(seed=(seed, 0))
    resumed = not overwrite and (Path(out) / STATE).is_file()
    folder = _claimed(Path(out), seed, overwrite, projects)
    start = time.perf_counter()
    parts = [_quick(projects, number, folder, seed, start) for number in range(len(projects))]
    what = "Time since it went on" if resumed else "Time of everything"
    facts = {what: duration(time.perf_counter() - start), "Seed": str(seed)}
    summary = "The quick run of every installed project."
    page = join("sciformer", parts, folder, facts, summary, origin())
    console = terminal()
    console.print(rich_table(results(parts)))
    console.print(literal(f"Pictures and tables: {page}"))
    if any(isinstance(part, Failed) for part in parts):
        sys.exit(1)


def _claimed(out: Path, seed: int, overwrite: bool, projects: list[Project]) -> Path:
    """The folder, with the seed of its demo written into it."""
    ours = (out / STATE).is_file()
    if ours and not overwrite and (held := read_json(out / STATE)["seed"]) != seed:
        raise ArgumentError("seed", f"{out} holds a demo of seed {held}; --overwrite replaces it")
    folder = new_folder(out, (METRICS, PAGE), overwrite or ours)
    for project in projects if overwrite else ():
        shutil.rmtree(folder / project.name, ignore_errors=True)
    text = to_json({"seed": seed})
    write_atomically(folder / STATE, lambda path: path.write_text(text, encoding="utf-8"))
    return folder


def _quick(
    projects: list[Project], number: int, out: Path, seed: int, start: float
) -> Done | Failed:
    """Train and evaluate a project, or what is missing of that."""
    project = projects[number]
    run, report = out / project.name / "run", out / project.name / "report"
    if (report / PAGE).is_file():
        sys.stdout.write(f"{project.command}: done before, in {out / project.name}\n")
        return Done(project.name, report)
    left = sum(each.quick_minutes for each in projects[number:])
    passed = duration(round(time.perf_counter() - start))
    sys.stdout.write(
        f"\n{project.command}, {number + 1} of {len(projects)}: {passed} passed, "
        f"about {max(1, round(left))} min left on two cores\n"
    )
    fit = [
        *("fit", "--config", f"configs/{project.name}/quick.yaml"),
        *("--seed_everything", str(seed), "--trainer.default_root_dir", str(run)),
        *("--ckpt_path", "auto"),
    ]
    evaluate = ["evaluate", str(run), "--out", str(report), "--overwrite"]
    for words in ([] if (run / METRICS).is_file() else [fit]) + [evaluate]:
        sys.stdout.write(f"$ {project.command} {' '.join(words)}\n")
        code, log = _tee([sys.executable, "-m", project.name, *words])
        if code:
            return Failed(project.name, log)
    return Done(project.name, report)


def _tee(command: list[str]) -> tuple[int, str]:
    """Run a program; show its output as it comes, and return it.

    A signal ends it too: it saves a checkpoint, with which the next demo goes on.
    """
    sys.stdout.flush()
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=safe_environment()
    ) as process:
        assert process.stdout is not None
        said = bytearray()
        try:
            while chunk := os.read(process.stdout.fileno(), 4096):
                said += chunk
                sys.stdout.buffer.write(chunk)
                sys.stdout.flush()
        except (KeyboardInterrupt, SystemExit):
            process.terminate()
            process.communicate()
            raise
        finally:
            signal.signal(signal.SIGTERM, before)
    return process.returncode, said.decode(errors="replace")
