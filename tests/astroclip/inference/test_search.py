"""Search: the nearest are the right ones, whatever is asked, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astroclip_small import astroclip, complaint, save, sky, words, write_pairs
from pyarrow import csv

from astroclip.inference.bank import Bank
from astroclip.inference.embedding_files import Embeddings, read, write
from astroclip.inference.neighbors import find
from astroclip.inference.query_words import ask

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def bank(here):
    """Five galaxies in files, and their embeddings in e.npz."""
    save(here)
    pairs = write_pairs(here / "own")
    astroclip("embed", here, *words(pairs), "--out", "e.npz")
    return pairs


def answers(query, of=None, kind="spectrum", k=3, number=None):
    opened = Bank("e.npz")
    asked = ask(opened, [query], of, number, opened.about["checkpoint"])
    return asked[0], find(opened, asked, kind, k)[0]


def order(first, second, query):
    """All rows by falling cosine with a query, plainly."""
    vectors = read("e.npz").vectors
    return np.argsort(-vectors[f"{second}_z"] @ vectors[f"{first}_z"][query])


@pytest.mark.parametrize("of", ["image", "spectrum"])
@pytest.mark.parametrize("kind", ["image", "spectrum"])
def test_the_nearest_are_those_of_a_plain_sort_and_the_query_is_not_its_own_answer(bank, of, kind):
    _, found = answers("g3", of, kind)
    expected = [row for row in order(of, kind, 3).tolist() if of != kind or row != 3]
    assert found.number == expected[:3]
    assert (np.diff(found.cosine) <= 0).all()


@pytest.mark.parametrize("kind", ["image", "spectrum"])
def test_in_its_own_space_a_galaxy_finds_others_of_its_kind(bank, kind):
    opened = Bank("e.npz")
    (found,) = find(opened, ask(opened, ["g3"], kind, space="h"), kind, 3)
    vectors = read("e.npz").vectors[f"{kind}_h"]
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = [row for row in np.argsort(-vectors @ vectors[3]).tolist() if row != 3]
    assert found.number == expected[:3]


def test_a_galaxy_is_named_by_id_or_number_or_file(bank):
    by_id, found = answers("g2")
    by_number, _ = answers("2")
    by_file, again = answers("own/images/g2.npy")
    assert by_id.name == by_number.name == by_file.name == "g2"
    assert (by_id.row, by_file.row) == (2, None)
    np.testing.assert_allclose(by_file.vector, by_id.vector, atol=1e-5)
    assert again.number == found.number


def test_a_file_of_a_spectrum_is_looked_at_as_a_spectrum(bank):
    asked, _ = answers("own/spectra/g1.npz", kind="image")
    assert asked.kind == "spectrum"


def test_a_file_of_several_is_as_many_queries_or_one_by_its_number(bank):
    opened = Bank("e.npz")
    every = ask(opened, ["own/images"], checkpoint=opened.about["checkpoint"])
    assert [each.name for each in every] == ["g0", "g1", "g2", "g3", "g4"]
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
    opened = Bank("m.parquet")
    (found,) = find(opened, ask(opened, ["7"]), "spectrum", 20)
    cosines = vectors @ vectors[7]
    cosines[7] = -2
    assert found.number == np.argsort(-cosines)[:20].tolist()


@pytest.fixture(params=["s.npz", "s.parquet", "folder"])
def many(request, here):
    """The same 700 galaxies in every format: name of the bank, and what is in it."""
    made, name = sky(700), request.param
    about = {"weights": "w", "classes": '{"type": ["a", "b"]}'}
    for first, part in ((0, "part-1.parquet"), (500, "part-2.parquet")):
        if name == "folder":
            write(here / name / part, [made.rows(range(first, 500 if not first else 700))], about)
    if name != "folder":
        write(name, [made.rows(range(n, n + 100)) for n in range(0, 700, 100)], about)
    return name, made


def test_many_queries_have_the_answers_of_one_by_one_and_of_a_plain_sort(many):
    opened, made = Bank(many[0]), many[1]
    words = ["s5", "s699", "600", "s5"]
    found = find(opened, ask(opened, words), k=12)
    units = {n: v / np.linalg.norm(v, axis=1, keepdims=True) for n, v in made.vectors.items()}
    for row, answer in zip([5, 699, 600, 5], found, strict=True):
        cosine = units["spectrum_z"] @ units["image_z"][row]
        assert answer.query.row == row
        assert answer.number == np.argsort(-cosine)[:12].tolist()
        np.testing.assert_allclose(answer.cosine, np.sort(cosine)[::-1][:12], atol=1e-6)


def test_a_position_names_the_nearest_galaxy_within_the_radius(many):
    opened, made = Bank(many[0]), many[1]
    ra, dec = made.positions[321]
    (found,) = ask(opened, [f"{ra:.7f}, {dec + 0.5 / 3600:.7f}"])
    assert found.name == "s321"
    with pytest.raises(ValueError, match=r"nearest galaxy of the bank is 2\.\d+ arcsec away"):
        ask(opened, [f"{ra:.7f} {dec + 2.2 / 3600:.7f}"])
    assert ask(opened, [f"{ra:.7f} {dec + 2.2 / 3600:.7f}"], radius=3.0)[0].row == 321


def test_a_position_at_0_degrees_is_near_one_at_360(here):
    made = sky(50)
    made.positions[7] = (359.99999, 10.0)
    write("e.npz", [made], {})
    assert ask(Bank("e.npz"), ["0.00001,10"])[0].row == 7


def test_a_list_of_ids_or_positions_and_a_file_of_embeddings_are_queries(many):
    opened, made = Bank(many[0]), many[1]
    Path("ids.csv").write_text("name,id\nx,s3\ny,s650\n")
    Path("sky.txt").write_text("ra dec\n" + "{:.8f} {:.8f}\n".format(*made.positions[42]))
    write("other.npz", [made.rows([8, 9])], {"weights": "w"})
    found = ask(opened, ["ids.csv", "sky.txt", "other.npz", "s1"])
    assert [each.row for each in found] == [3, 650, 42, 8, 9, 1]
    assert ask(opened, ["ids.csv"], number=1)[0].row == 650


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "id\ns1\ns99\n", "a.csv: 1 of 2 ids are not in the bank, first s99"),
        ("a.csv", "mass\n1\n", "a.csv: no column of ids, and none of ra and dec"),
        ("a.csv", "ra,dec\n1,\n", "a.csv: dec: not a number in every row"),
    ],
)
def test_a_list_that_cannot_be_is_named(here, name, text, said):
    write("e.npz", [sky(20)], {})
    Path(name).write_text(text)
    with pytest.raises(ValueError, match=said):
        ask(Bank("e.npz"), [name])


@pytest.mark.parametrize("out", ["l.csv", "l.parquet"])
def test_the_list_has_a_row_for_each_query_and_result_and_replaces_none(many, capsys, out):
    words = ["search", many[0], "[s1, s2, 7]", "--k", 3, "--out", out]
    assert astroclip(*words) == 0
    said = capsys.readouterr().out
    assert "nearest to the image of each of 3 galaxies" in said
    found = (csv.read_csv if out == "l.csv" else pq.read_table)(out).to_pydict()
    assert found["query"] == [name for name in ("s1", "s2", "s7") for _ in range(3)]
    assert found["rank"] == [1, 2, 3] * 3
    made = many[1]
    for id, ra, redshift, kind in zip(*(found[n] for n in ("id", "ra", "redshift", "type")),
                                      strict=True):  # fmt: skip
        row = int(id[1:])
        assert ra == pytest.approx(made.positions[row, 0])
        assert redshift == pytest.approx(float(made.labels["redshift"][row]), rel=1e-6)
        assert kind == "ab"[row % 2]
    assert f"out: {out} is there already" in complaint(capsys, *words)


def test_a_sheet_shows_one_query(bank, capsys):
    line = complaint(
        capsys, "search", "e.npz", "[g1, g2]", "--k", 2, *words(bank), "--out", "s.png"
    )
    assert "s.png: a sheet shows one query, and not 2" in line


def test_an_index_finds_nearly_all_neighbors_and_says_how_many(here, capsys):
    made = sky(6000, dim=32)
    write("e.parquet", [made], {})
    assert astroclip("search", "e.parquet", "[s1, s2, s3]", "--approximate", "--kind", "image") == 0
    said = capsys.readouterr().out
    assert float(re.search(r"recall@10 ([\d.]+) of exact", said)[1]) > 0.9
    opened = Bank("e.parquet")
    queries = ask(opened, [f"s{n}" for n in range(50)])
    exact, near = (find(opened, queries, k=10, approximate=flag) for flag in (False, True))
    same = [len({*a.number} & {*b.number}) for a, b in zip(exact, near, strict=True)]
    assert np.mean(same) > 9.8
    write("few.npz", [made.rows(range(100))], {})
    line = complaint(capsys, "search", "few.npz", "s1", "--approximate")
    assert "approximate: 100 vectors of 32 numbers; 1024 of an even number are needed" in line
