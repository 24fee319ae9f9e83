"""Embedding galaxies: all of them, in any batches, in either format, and what is refused."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from astroclip_small import SIZE, astroclip, complaint, network, save, words, write_pairs

from astroclip.data.batch import collate, middle
from astroclip.data.readers.open import open_source
from astroclip.inference.embedding_files import read, read_about
from astroclip.inference.encode import encoded, weights_hash

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def pairs(here):
    save(here)
    return write_pairs(here / "own")


def test_embeddings_are_what_the_network_says_of_each_galaxy(here, pairs):
    assert astroclip("embed", here, *words(pairs), "--out", "e.parquet") == 0
    found, module = read("e.parquet"), network()
    assert list(found.ids) == [f"g{number}" for number in range(5)]
    for row, galaxy in enumerate(open_source(pairs)):
        one = collate([galaxy._replace(image=middle(galaxy.image, SIZE))], [0])
        with torch.no_grad():
            seen = module.model.encode_image(one.image)
            measured = module.model.encode_spectrum(one.flux, one.ivar)
        for name, expected in (("image_h", seen.h), ("image_z", seen.z),
                               ("spectrum_h", measured.h), ("spectrum_z", measured.z)):  # fmt: skip
            np.testing.assert_allclose(found.vectors[name][row], expected[0], atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_batches_of_any_size_give_the_same_and_none_is_dropped(pairs, batch_size):
    source, module = open_source(pairs), network()
    whole = next(encoded(module, source, 5))
    parts = list(encoded(module, source, batch_size))
    assert [id for part in parts for id in part.ids] == whole.ids
    for name, expected in whole.vectors.items():
        found = np.concatenate([part.vectors[name] for part in parts])
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_both_formats_hold_the_same(here, pairs):
    for name in ("e.parquet", "e.npz"):
        assert astroclip("embed", here, *words(pairs), "--out", name, "--batch_size", 2) == 0
    first, second = read("e.parquet"), read("e.npz")
    assert first.ids == second.ids
    assert first.labels.keys() == second.labels.keys() == {"redshift", "log_mass"}
    for part in ("labels", "vectors"):
        for name, values in getattr(first, part).items():
            np.testing.assert_array_equal(values, getattr(second, part)[name])
    assert np.isnan(first.labels["redshift"]).tolist() == [False] * 4 + [True]
    assert read_about("e.parquet") == read_about("e.npz")
    assert read_about("e.npz")["weights"] == weights_hash(network())


def test_numpy_and_pyarrow_read_the_files_by_themselves(here, pairs):
    for name in ("e.parquet", "e.npz"):
        astroclip("embed", here, *words(pairs), "--out", name)
    with np.load("e.npz") as own:
        np.testing.assert_array_equal(own["image_z"], read("e.npz").vectors["image_z"])
    column = pq.read_table("e.parquet")["image_z"]
    np.testing.assert_array_equal(np.stack(column.to_pylist()), read("e.npz").vectors["image_z"])


def test_an_npz_is_mapped_and_not_read(here, pairs):
    astroclip("embed", here, *words(pairs), "--out", "e.npz")
    assert isinstance(read("e.npz").vectors["spectrum_h"], np.memmap)


@pytest.mark.parametrize("kind", ["image", "spectrum"])
def test_galaxies_may_have_images_or_spectra_alone(here, pairs, kind):
    only = write_pairs(here / kind, images=kind == "image", spectra=kind == "spectrum")
    assert astroclip("embed", here, *words(only), "--out", "one.npz") == 0
    astroclip("embed", here, *words(pairs), "--out", "both.npz")
    one, both = read("one.npz").vectors, read("both.npz").vectors
    assert set(one) == {f"{kind}_h", f"{kind}_z"}
    np.testing.assert_allclose(one[f"{kind}_z"], both[f"{kind}_z"], atol=1e-6)


def spoil(folder):
    """Make the second galaxy of five one that cannot be used."""
    np.savez(folder / "own/spectra/g1.npz", flux=np.ones(7781), ivar=np.zeros(7781))


def test_a_bad_galaxy_ends_all_and_nothing_is_written(here, pairs, capsys):
    spoil(here)
    line = complaint(capsys, "embed", here, *words(pairs), "--out", "e.npz", "--on_error", "stop")
    assert "--on_error skip" in line
    assert "g1.npz" in line
    assert "ivar" in line
    assert not list(here.glob("*e.npz*"))


@pytest.mark.parametrize("name", ["e.npz", "e.parquet"])
def test_a_bad_galaxy_is_named_and_left_out_when_asked(here, pairs, capsys, name):
    spoil(here)
    assert astroclip("embed", here, *words(pairs), "--out", name, "--on_error", "skip") == 0
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("left out: ")
    assert "g1.npz" in said.err
    assert "4 galaxies, 1 left out" in said.out
    assert list(read(name).ids) == ["g0", "g2", "g3", "g4"]


def test_an_image_that_is_too_small_is_one_bad_galaxy(here, pairs, capsys):
    np.save(here / "own/images/g2.npy", np.ones((3, SIZE - 4, SIZE - 4), "f4"))
    assert "g2" in complaint(capsys, "embed", here, *words(pairs), "--on_error", "stop")
    assert astroclip("embed", here, *words(pairs)) == 0
    assert "g2" in capsys.readouterr().err
    assert list(read("embeddings.parquet").ids) == ["g0", "g1", "g3", "g4"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--out=e.txt", "e.txt: embeddings are in files that end in .parquet or .npz"),
        ("--batch_size=0", "batch_size: 0 is less than 1"),
        ("--device=warp", "device: 'warp' cannot be used"),
        ("--files=nowhere", "nowhere: no such file"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(here, pairs, capsys, word, said):
    assert said in complaint(capsys, "embed", here, *words(pairs), word)


def test_a_place_that_cannot_be_written_to_is_said_before_anything_is_read(here, pairs, capsys):
    (here / "taken.npz").mkdir()
    assert "out: taken.npz is a folder" in complaint(
        capsys, "embed", here, *words(pairs), "--out", "taken.npz"
    )
    (here / "file").touch()
    line = complaint(capsys, "embed", here, "--files", "nowhere", "--out", "file/e.npz")
    assert "out: cannot write to file" in line


def test_pixels_that_no_network_can_take_are_named(here, pairs, capsys):
    np.save(here / "own/images/g2.npy", np.full((3, 48, 48), 1e38, np.float32))
    line = complaint(capsys, "embed", here, *words(pairs), "--out", "e.npz")
    assert "g2: image_h: embedding is not finite" in line
    assert not (here / "e.npz").exists()


def test_no_galaxies_at_all_is_an_error(here, capsys):
    save(here)
    assert "neither --files nor --shards" in complaint(capsys, "embed", here)


@pytest.mark.parametrize("name", ["e.npz", "e.parquet"])
def test_a_file_cut_short_is_named(here, pairs, name):
    astroclip("embed", here, *words(pairs), "--out", name)
    whole = (here / name).read_bytes()
    (here / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=name):
        read(name)


def test_other_arrays_are_no_embeddings(here):
    np.savez("e.npz", flux=np.ones(3))
    with pytest.raises(ValueError, match=r"e\.npz: no embeddings"):
        read("e.npz")
