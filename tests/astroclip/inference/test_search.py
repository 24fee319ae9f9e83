"""Search: the nearest are the right ones, whatever is asked, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from astroclip_small import astroclip, complaint, save, words, write_pairs

from astroclip.inference.embedding_files import Embeddings, read, write
from astroclip.inference.query import ask, open_bank
from astroclip.inference.search import find

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def bank(here):
    """Five galaxies in files, and their embeddings in e.npz."""
    save(here)
    pairs = write_pairs(here / "own")
    astroclip("embed", here, *words(pairs), "--out", "e.npz")
    return pairs


def answers(query, of=None, kind="spectrum", k=3, number=None):
    opened = open_bank("e.npz")
    asked = ask(opened, query, of, number, opened.about["checkpoint"])
    return asked, find(opened.embeddings, asked, kind, k)


def order(first, second, query):
    """All rows by falling cosine with a query, plainly."""
    vectors = read("e.npz").vectors
    return np.argsort(-vectors[f"{second}_z"] @ vectors[f"{first}_z"][query])


@pytest.mark.parametrize("of", ["image", "spectrum"])
@pytest.mark.parametrize("kind", ["image", "spectrum"])
def test_the_nearest_are_those_of_a_plain_sort_and_the_query_is_not_its_own_answer(bank, of, kind):
    _, found = answers("g3", of, kind)
    expected = [row for row in order(of, kind, 3).tolist() if of != kind or row != 3]
    assert found.number[0].tolist() == expected[:3]
    assert (found.cosine[0].diff() <= 0).all()


@pytest.mark.parametrize("kind", ["image", "spectrum"])
def test_in_its_own_space_a_galaxy_finds_others_of_its_kind(bank, kind):
    opened = open_bank("e.npz", space="h")
    asked = ask(opened, "g3", kind, None, None, "h")
    found = find(opened.embeddings, asked, kind, 3)
    vectors = read("e.npz").vectors[f"{kind}_h"]
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = [row for row in np.argsort(-vectors @ vectors[3]).tolist() if row != 3]
    assert found.number[0].tolist() == expected[:3]


def test_a_galaxy_is_named_by_id_or_number_or_file(bank):
    by_id, found = answers("g2")
    by_number, _ = answers("2")
    by_file, again = answers("own/images/g2.npy")
    assert by_id.name == by_number.name == by_file.name == "g2"
    assert (by_id.row, by_file.row) == (2, None)
    np.testing.assert_allclose(by_file.vector, by_id.vector, atol=1e-5)
    assert again.number.tolist() == found.number.tolist()


def test_a_file_of_a_spectrum_is_looked_at_as_a_spectrum(bank):
    asked, _ = answers("own/spectra/g1.npz", kind="image")
    assert asked.kind == "spectrum"


def test_a_file_of_several_wants_a_number(bank):
    with pytest.raises(ValueError, match="holds 5 galaxies; --number says which"):
        answers("own/images")
    assert answers("own/images", number=4)[0].name == "g4"
    with pytest.raises(ValueError, match="number: 5 is not below 5"):
        answers("own/images", number=5)


def test_the_verb_shows_rank_cosine_and_labels_and_draws_a_sheet(bank, capsys):
    capsys.readouterr()
    assert astroclip("search", "e.npz", "g1", "--k", 5, *words(bank), "--out", "s.png") == 0
    said = capsys.readouterr().out
    assert "the spectra of 5 that are nearest to the image of g1" in said
    assert "g1 (itself)" in said
    assert "0.15" in said  # its redshift
    assert Path("s.png").read_bytes().startswith(b"\x89PNG")


def test_galaxies_can_be_embedded_first(bank, capsys):
    assert astroclip("search", ".", "g1", *words(bank), "--k", 2) == 0
    from_run = capsys.readouterr().out.splitlines()[-4:]
    assert astroclip("search", "e.npz", "g1", "--k", 2) == 0
    assert capsys.readouterr().out.splitlines()[-4:] == from_run


def test_images_alone_are_sought_among_images(bank, here, capsys):
    images = write_pairs(here / "only", spectra=False)
    astroclip("embed", here, *words(images), "--out", "i.npz")
    capsys.readouterr()
    assert "the bank has no spectrum; --kind image" in complaint(capsys, "search", "i.npz", "g1")
    sheet = ["--kind", "image", *words(images), "--out", "s.svg", "--k", 2]
    assert astroclip("search", "i.npz", "g1", *sheet) == 0
    assert "(itself)" not in capsys.readouterr().out
    assert Path("s.svg").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["g9"], "query: 'g9' is no id of the bank, no file, no number below 5"),
        (["g1", "--k", "6"], "k: 6 is not between 1 and 5"),
        (["g1", "--k", "5", "--kind", "image"], "k: 5 is not between 1 and 4"),
        (
            ["g1", "--space", "h", "--of", "image", "--kind", "spectrum"],
            "kind: spectrum: in the space h the image of a galaxy has no other",
        ),
        (["g1", "--out", "s.png"], "a sheet needs --files or --shards"),
        (["g1", "--out", "s.txt", "--files", "own"], "out: s.txt: a sheet is a file that ends in"),
        (["own/images/g1.npy", "--of", "spectrum"], "own/images/g1.npy has no spectrum to look at"),
    ],
)
def test_what_cannot_be_is_named_in_one_line(bank, capsys, more, said):
    capsys.readouterr()
    assert said in complaint(capsys, "search", "e.npz", *more)


def test_a_file_is_not_embedded_by_another_network_than_the_bank(bank, here, capsys):
    save(here / "other", seed=1)
    capsys.readouterr()
    line = complaint(capsys, "search", "e.npz", "own/images/g1.npy", "--checkpoint", "other")
    assert line.startswith("astroclip search: error: other: has weights")


def test_a_sheet_wants_the_galaxies_that_were_found(bank, here, capsys):
    fewer = write_pairs(here / "fewer", count=2)
    capsys.readouterr()
    line = complaint(capsys, "search", "e.npz", "g1", *words(fewer), "--out", "s.png", "--k", 5)
    assert "which is in the bank" in line
    assert not Path("s.png").exists()


def test_search_is_exact_among_many():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(3000, 8)).astype("f4")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    made = Embeddings([str(n) for n in range(3000)], {}, None, {"spectrum_z": vectors})
    write("m.parquet", [made.rows(range(n, n + 500)) for n in range(0, 3000, 500)], {})
    opened = open_bank("m.parquet")
    found = find(opened.embeddings, ask(opened, "7", None, None, None), "spectrum", 20)
    cosines = vectors @ vectors[7]
    cosines[7] = -2
    assert found.number[0].tolist() == np.argsort(-cosines)[:20].tolist()
