import numpy as np
import pytest
from galaxy_files import flux, image

from astroclip.data.on_error import good, sound
from astroclip.data.readers.open import open_source


def folders(path, images=(1, 2, 3), spectra=(1, 2, 3)):
    """A folder of one's own with images and spectra, named by the same ids."""
    for folder in ("images", "spectra"):
        (path / folder).mkdir()
    for seed in images:
        np.save(path / f"images/g{seed}.npy", image(seed))
    for seed in spectra:
        np.save(path / f"spectra/g{seed}.npy", flux(seed))
    return path


def test_a_pair_of_folders_is_joined_by_id(tmp_path):
    source = open_source(folders(tmp_path))
    assert source.ids == ["g1", "g2", "g3"]
    for number, found in sound(source):
        np.testing.assert_array_equal(found.image, image(number + 1))
        np.testing.assert_array_equal(found.flux, flux(number + 1))


def test_a_pair_of_folders_may_be_anywhere(tmp_path):
    folders(tmp_path)
    said = {"images": f"{tmp_path}/images", "spectra": f"{tmp_path}/spectra/*"}
    assert open_source(said).ids == ["g1", "g2", "g3"]


def test_ids_that_do_not_match_are_one_line(tmp_path):
    folders(tmp_path, images=(1, 2, 4), spectra=(1, 2, 5, 6))
    said = "images: id g4: 1 of 3 have no partner; .*spectra: id g5, g6: 2 of 4 have no partner"
    with pytest.raises(ValueError, match=said) as error:
        open_source(tmp_path)
    assert "\n" not in str(error.value)


def test_ids_that_do_not_match_are_listed_and_left_out_when_asked(tmp_path):
    source = open_source(folders(tmp_path, (1, 2, 4), (1, 2, 5)), on_error="skip")
    numbers, bad = good(source)
    assert [source.id(number) for number in numbers] == ["g1", "g2"]
    assert [one.id for one in bad] == ["g4", "g5"]
    assert bad[0].reason == f"{tmp_path}/images/g4.npy: id g4: not in {tmp_path}/spectra"
    assert bad[1].reason == f"{tmp_path}/spectra/g5.npy: id g5: not in {tmp_path}/images"


def test_folders_without_any_pair_are_an_error_even_then(tmp_path):
    folders(tmp_path, images=(1, 2), spectra=(3,))
    with pytest.raises(ValueError, match=r"images: id g1, g2: 2 of 2 have no partner"):
        open_source(tmp_path, on_error="skip")


def test_a_bad_half_of_a_pair_is_named_by_its_own_file(tmp_path):
    folders(tmp_path)
    np.save(tmp_path / "images/g2.npy", np.zeros((3, 12, 12), "f4"))
    np.save(tmp_path / "spectra/g3.npy", flux(pixels=7780))
    _, bad = good(open_source(tmp_path))
    assert [one.id for one in bad] == ["g2", "g3"]
    assert bad[0].reason.startswith(f"{tmp_path}/images/g2.npy: image: band g is 0")
    assert bad[1].reason.startswith(f"{tmp_path}/spectra/g3.npy: flux: (7780,) pixels")


def test_images_where_spectra_are_wanted_are_an_error(tmp_path):
    folders(tmp_path)
    with pytest.raises(ValueError, match=r"images: no spectra"):
        open_source({"images": f"{tmp_path}/images", "spectra": f"{tmp_path}/images"})


def test_a_table_gives_labels_by_id(tmp_path):
    folders(tmp_path)
    (tmp_path / "labels.csv").write_text("id,redshift,mass\ng1,0.1,10\ng3,0.3,\n")
    source = open_source({"path": str(tmp_path), "labels": f"{tmp_path}/labels.csv"})
    assert set(source.labels) == {"redshift", "mass"}
    labels = [found.labels for _, found in sound(source)]
    assert labels == [{"redshift": 0.1, "mass": 10.0}, {}, {"redshift": 0.3}]


def test_labels_that_cannot_be_used_are_one_line(tmp_path):
    folders(tmp_path)
    path = tmp_path / "labels.csv"
    for text, said in [
        ("z\n1\n", "labels.csv: id: none is that of a galaxy in .*'g1': such as '1'"),
        ("id,z\ng1,1,2\n", "labels.csv: row 2: 3 values for 2 columns"),
        ("", "labels.csv: id: none is that of a galaxy in .*'g1': there is no row"),
        ("id,z\nG-1,1\n", "labels.csv: id: none is that of a galaxy in .*'g1': such as 'G-1'"),
        ("id,z\n", "labels.csv: id: none is that of a galaxy in .*'g1': there is no row"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=said):
            open_source({"path": str(tmp_path), "labels": str(path)})
