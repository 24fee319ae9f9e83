"""The cases of ``make bench BASE=...``: each runs, and no project and no reader is without one."""

import importlib
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "benchmarks"
ROOMS = sorted(path.stem for path in (FOLDER / "cases").glob("*.py"))
PROJECTS = sorted(point.module for point in entry_points(group="sciformer.projects"))
PROJECTS = [module.partition(".")[0] for module in PROJECTS]
NO_READERS = {  # of the folder ``data``
    *("simulate_command.py", "command.py"),  # only write sets, by the verb ``simulate``
    *("writers.py", "hdf5_writer.py", "pdebench_writer.py", "well_writer.py"),  # as these
    *("inspect_command.py", "name_lists.py"),  # the verb ``inspect``, and texts of errors
    *("module.py", "datamodule.py", "entry.py"),  # choose a reader by what a YAML says
    "training_mean.py",  # a score of the validation
    "hdf5_probe.py",  # runs in another process, once for each file
}


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(importlib.import_module("files"), "shared", tmp_path / "files")


def rooms_of(package: str) -> list[str]:
    """The files of cases of a project; the core has all others."""
    owners = {
        room: next((p for p in PROJECTS if room.startswith(p)), "sciformer") for room in ROOMS
    }
    return [room for room, owner in owners.items() if owner == package]


def calls() -> set[Path]:
    """Set up and call each case; return the files whose functions were called then."""
    files: set[str] = set()

    def note(frame, event, _) -> None:
        if event == "call":
            files.add(frame.f_code.co_filename)

    for room in ROOMS:
        for case in importlib.import_module(f"cases.{room}").CASES.values():
            call = case.make(case.passes[-1])
            before = sys.getprofile()
            sys.setprofile(note)
            try:
                call()
            finally:
                sys.setprofile(before)
    return {Path(file) for file in files}


def test_every_case_runs_and_every_module_that_reads_data_is_measured():
    called = calls()
    for package in ("sciformer", *PROJECTS):
        (root,) = importlib.import_module(package).__path__
        paths = set(Path(root).glob("data/**/*.py"))
        reading = {path for path in paths - called if "def " in path.read_text()}
        assert rooms_of(package)
        assert sorted(path.name for path in reading if path.name not in NO_READERS) == []


def test_a_part_that_has_moved_is_found_where_it_lies_now_or_lay(tmp_path, monkeypatch):
    (tmp_path / "old_home.py").write_text("here = 1")
    (tmp_path / "poor_home.py").write_text("import nowhere_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    parts = importlib.import_module("parts").Parts(
        here="new_home old_home", gone="new_home old_home", poor="poor_home"
    )
    parts.preload()  # says nothing of what is missing
    assert parts.here == 1
    with pytest.raises(ImportError, match="gone is in none of new_home old_home"):
        _ = parts.gone
    with pytest.raises(ModuleNotFoundError, match="nowhere_at_all"):
        _ = parts.poor


def measures(*names: tuple[str, str]) -> list:
    measure = importlib.import_module("pairs").Measure
    return [
        measure(room, case, kind, "time") for room, case in names for kind in ("run", "forward")
    ]


def test_only_chooses_by_the_name_of_a_case_or_of_its_file():
    chosen = importlib.import_module("compare").chosen
    all_of_them = measures(("xval", "embedding"), ("data", "xval loader"), ("data", "shards"))
    assert chosen(all_of_them, "xval") == all_of_them[:4]
    assert chosen(all_of_them, None) == all_of_them


def test_only_that_is_in_no_name_is_refused_in_one_line_that_lists_what_there_is():
    chosen = importlib.import_module("compare").chosen
    with pytest.raises(ValueError, match=r"'xvla'.* embedding, shards") as error:
        chosen(measures(("xval", "embedding"), ("data", "shards")), "xvla")
    assert "\n" not in str(error.value)


def test_what_only_the_base_cannot_run_is_new_and_what_the_head_cannot_run_is_broken():
    compare, tables, pairs = map(importlib.import_module, ("compare", "tables", "pairs"))
    (measure, _) = measures(("xval", "embedding"))
    for tree, verdict in (("base", "new"), ("head", "broken")):
        row = tables.Row(measure)
        compare.add(row, pairs.CaseError(tree, "no such module"))
        assert (row.verdict, row.note) == (verdict, "no such module")


def test_short_samples_are_taken_in_more_rounds_than_long_ones():
    rounds = importlib.import_module("pairs").Rounds(least=7, most=15, cpu_s=0.1)
    assert [rounds.of(seconds) for seconds in (0.001, 0.005, 0.5)] == [15, 10, 7]
