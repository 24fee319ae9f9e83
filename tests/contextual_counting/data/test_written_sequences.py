import pytest
import torch
from verbs import complaint

from contextual_counting.data.written_sequences import by_shape, padded, parse, read_sequences


def test_a_sequence_and_a_file_of_sequences_are_read(tmp_path):
    (one,) = read_sequences("0 1 [ 1 0 ] 1 [ ]")
    assert one.tokens.tolist() == [0, 1, 2, 1, 0, 3, 1, 2, 3]
    assert one.counts.tolist() == [1, 0]
    path = tmp_path / "own.txt"
    path.write_text("# mine\n01[10]1\r\n\n [ 1 1 ] 0 \n[1][0][11]\n")
    found = read_sequences(str(path))
    assert [x.counts.tolist() for x in found] == [[1], [2], [1, 0, 2]]
    assert found[0].text == "0 1 [ 1 0 ] 1"
    assert parse(found[2].text, "again").tokens.equal(found[2].tokens)
    assert padded(found).tolist() == [[1, -100, -100], [2, -100, -100], [1, 0, 2]]
    assert by_shape(found) == {(7, 1): [0], (5, 1): [1], (10, 3): [2]}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 1 [ 2 ]", "line 2, character 7: '2' is none of 0, 1, [ and ]"),
        ("[ 1 [ 0 ] ]", "line 2, character 5: [ inside a region"),
        ("0 ] [ 1 ]", "line 2, character 3: ] closes no region"),
        ("0 [ 1", "line 2: a [ is not closed"),
        ("0 1 0", "line 2: there is no region"),
        ("[ \u0661 ]", "is none of 0, 1, [ and ]"),
    ],
)
def test_what_is_no_sequence_is_named_with_file_and_line(tmp_path, line, words):
    path = tmp_path / "own.txt"
    path.write_text(f"[1]\n{line}\n", encoding="utf-8")
    said = complaint(lambda: read_sequences(str(path)))
    assert said.startswith(str(path))
    assert words in said


def test_no_file_no_text_and_no_sequence_are_named(tmp_path):
    assert "neither a file nor a sequence" in complaint(lambda: read_sequences("nowhere.txt"))
    assert "neither a file nor a sequence" in complaint(lambda: read_sequences(" "))
    for name, content, words in (("a", b"\xff\xfe\x00", "no text"), ("b", b"# \n", "no sequence")):
        (tmp_path / name).write_bytes(content)
        assert words in complaint(lambda name=name: read_sequences(str(tmp_path / name)))
    assert torch.equal(read_sequences("[ ]")[0].counts, torch.zeros(1, dtype=torch.int64))
