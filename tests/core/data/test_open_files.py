import multiprocessing
import os
import pickle

import pytest

from sciformer.data.open_files import OPEN_FILES, OpenFiles, open_raw, read_into


@pytest.fixture
def paths(tmp_path):
    found = [tmp_path / str(number) for number in range(OPEN_FILES + 2)]
    for path in found:
        path.write_text(path.name)
    return found


def test_only_so_many_stay_open_and_the_first_are_opened_again(paths):
    files = OpenFiles(open_raw)
    opened = [files[path] for path in paths]
    assert len(files) == OPEN_FILES
    assert [file.closed for file in opened] == [True] * 2 + [False] * OPEN_FILES
    assert files[paths[-1]] is opened[-1]
    assert files[paths[0]].read() == b"0"
    files.drop(paths[0])
    files.drop(paths[0])
    files.close()
    assert len(files) == 0
    assert opened[-1].closed


def test_they_travel_to_another_process_without_handles(paths):
    files = OpenFiles(open_raw)
    handle = files[paths[3]]
    assert len(pickle.loads(pickle.dumps(files))) == 0
    assert not handle.closed


@pytest.mark.process
def test_a_process_that_forked_off_opens_its_own(paths):
    files = OpenFiles(open_raw)
    handle = files[paths[3]]

    def child(answer):
        answer.put((files[paths[3]] is handle, handle.closed, files[paths[3]].read()))

    context = multiprocessing.get_context("fork")
    answer = context.SimpleQueue()
    process = context.Process(target=child, args=(answer,))
    process.start()
    assert answer.get() == (False, True, b"3")
    process.join()
    assert files[paths[3]] is handle
    assert handle.read() == b"3"


@pytest.mark.parametrize("system", ["Linux", "Windows"])
def test_pieces_of_a_file_fill_memory_one_after_the_other(system, tmp_path, monkeypatch):
    if system == "Windows":
        monkeypatch.delattr(os, "preadv")
    (tmp_path / "a").write_bytes(bytes(range(10)))
    one, two = bytearray(2), bytearray(9)
    with open_raw(tmp_path / "a") as file:
        assert read_into(file, 4, [one, two]) == 6
    assert (one, two[:4]) == (bytearray([4, 5]), bytearray([6, 7, 8, 9]))
