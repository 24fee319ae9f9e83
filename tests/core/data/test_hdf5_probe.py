"""A child process looks at files first, on which libhdf5 may hang or crash."""

import signal
import time

import pytest
from verbs import complaint

from sciformer.data.hdf5 import HDF5
from sciformer.data.hdf5_probe import IDLE, Probe, look


def endless(path):
    """An attribute whose text libhdf5 never finds."""
    raw = bytearray(path.read_bytes())
    size = raw.index(b"GCOL") + 24
    raw[size : size + 8] = (2**64 - 16).to_bytes(8, "little")
    path.write_bytes(raw)
    return path


@pytest.mark.process
def test_a_file_on_which_libhdf5_does_not_end_is_one_line_and_others_are_read(path, tmp_path):
    whole = path.read_bytes()
    start = time.process_time()
    said = complaint(lambda: HDF5(endless(path)).keys())
    assert said == f"{path}: damaged: HDF5 does not come to an end"
    assert time.process_time() - start < 1  # it was another process that looped
    path.write_bytes(whole)
    assert HDF5(path).keys() == ["of", "x"]


@pytest.mark.process
def test_a_child_that_ended_because_it_was_idle_is_started_again(path):
    probe = Probe()
    assert probe.ask(path) == ""
    first = probe._child
    first.send_signal(signal.SIGALRM)
    first.wait(IDLE)
    assert probe.ask(path) == ""
    assert probe._child is not first
    probe._child.kill()
    assert probe.ask(path) == "damaged: HDF5 crashes (-9)"
    assert probe.ask(path) == ""


def test_a_look_does_not_complain_of_what_may_not_be_needed(path):
    raw = bytearray(path.read_bytes())
    at = raw.index(b"long")
    raw[at : at + 4] = b"\xff" * 4  # no UTF-8
    path.write_bytes(raw)
    assert look(str(path)) == ""


def test_a_process_that_has_taken_much_address_space_looks_at_files_all_the_same(
    path, tmp_path, monkeypatch
):
    (tmp_path / "sitecustomize.py").write_text("import mmap\nkept = mmap.mmap(-1, 2**31)")
    monkeypatch.syspath_prepend(tmp_path)  # as of a NumPy with MKL, which takes as much
    assert Probe().ask(path) == ""
