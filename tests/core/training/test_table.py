"""``metrics.csv`` is read whatever has cut it, and written so that nothing cuts it."""

import os
import resource

import pytest

from sciformer.training.table import MetricsTable, read

WHOLE = b"epoch,step,train/loss,val/loss\r\n0,0,0.5,\r\n0,1,0.25,\r\n0,1,,0.125\r\n1,2,0.1,\r\n"
ROWS = [
    ["0", "0", "0.5", ""],
    ["0", "1", "0.25", ""],
    ["0", "1", "", "0.125"],
    ["1", "2", "0.1", ""],
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.csv"


def table(path):
    """A new logger of the folder, as a run has that goes on in it."""
    return MetricsTable(path.parent)


def test_rows_are_read_as_they_were_written(path):
    path.write_bytes(WHOLE)
    assert read(path) == (["epoch", "step", "train/loss", "val/loss"], ROWS)


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_wherever_it_is_cut_the_whole_rows_are_left(cut, path):
    path.write_bytes(WHOLE[:cut])
    _, rows = read(path)
    assert rows == ROWS[: max(0, WHOLE[:cut].count(b"\n") - 1)]


@pytest.mark.parametrize(
    "damage",
    [
        b"\0" * 100,  # of a power cut
        b"1,3,a\rb,\n",
        b"1," + b"9" * 5000 + b",0.5,\n",
        b"1,3," + b"9" * 200_000 + b",\n",
        b"1,3,0.\0\0\0\0\n",
        b"1,3,0.01,4,0.2,\r\n",  # half of a row, and the next one behind it
        b"1,3\r\n",
        b"1,many,0.1,\r\n",
        b"\xff\xfe\r\n",
        b"\r\n",
    ],
)
def test_what_is_no_row_is_left_out(damage, path):
    path.write_bytes(WHOLE + damage)
    assert read(path)[1] == ROWS
    path.write_bytes(
        WHOLE[: WHOLE.index(b"0,1,,")] + damage.rstrip(b"\r\n") + b"\r\n" + b"2,9,1,\r\n"
    )
    assert read(path)[1] == [*ROWS[:2], ["2", "9", "1", ""]]


@pytest.mark.parametrize("content", [b"", b"\0" * 50, b"epoch,st", b"hello\n1,2\n", b"\n\n"])
def test_a_file_without_columns_has_no_rows(content, path):
    path.write_bytes(content)
    assert read(path) == ([], [])
    log = table(path)
    log.experiment.keep(5)
    log.log_metrics({"loss": 0.5}, 7)
    log.save()
    assert path.read_text() == "loss,step\n0.5,7\n"


def test_a_run_that_goes_on_keeps_what_came_before_its_step(path):
    path.write_bytes(WHOLE + b"1,3,0.")
    log = table(path)
    log.experiment.keep(2)
    assert len(log.experiment) == 3
    log.log_metrics({"epoch": 1, "train/loss": 0.0625}, 2)
    log.save()
    assert path.read_bytes() == WHOLE.replace(b"1,2,0.1,", b"1,2,0.0625,")


def test_a_validation_that_is_owed_is_not_kept(path):
    path.write_bytes(WHOLE)
    log = table(path)
    log.experiment.keep(2, first=2)
    assert read(path)[1] == ROWS[:2]


def test_columns_that_come_later_leave_the_rows_before_as_they_were(path):
    log = table(path)
    log.log_metrics({"b": 1.0}, 0)
    log.save()
    log.log_metrics({"a": 2.0, "c": 3.0}, 1)
    log.save()
    assert path.read_text().splitlines() == ["a,b,c,step", ",1.0,,0", "2.0,,3.0,1"]
    assert list(path.parent.iterdir()) == [path]


def test_nothing_is_removed_by_a_logger_that_only_begins(path):
    path.write_bytes(WHOLE)
    log = table(path)
    assert log.experiment is log.experiment
    log.save()
    assert path.read_bytes() == WHOLE


@pytest.mark.process
def test_a_full_disk_leaves_whole_rows_alone(path):
    log = table(path)
    log.log_metrics({"a": 1.0}, 0)
    log.save()
    before = path.read_bytes()
    for step in range(1, 99):  # Lightning writes every hundredth
        log.log_metrics({"a": 1.0 / step}, step)
    child = os.fork()  # a limit on the size of files cannot be raised again
    if not child:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
        try:
            log.save()
        except OSError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert path.read_bytes() == before
