import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from galaxy_files import flux, image, table, universe_spectra, write_fits, write_hdf5

from astroclip.data.datamodule import GalaxyData
from astroclip.data.readers.open import open_source

IDS = [500, 501, 502]


@pytest.fixture
def path(tmp_path):
    write_hdf5(tmp_path / "own/a.hdf5", **universe_spectra())
    return tmp_path


def labels(path, name):
    return [
        galaxy.labels for galaxy in open_source({"path": f"{path}/own", "labels": str(path / name)})
    ]


def write(path, name):
    if name.endswith("fits"):
        write_fits(path / name, table(TARGETID=np.array(IDS), MASS=np.array([9.0, 10.0, 11.0])))
    elif name.endswith("parquet"):
        pq.write_table(
            pa.table({"objid": [str(id) for id in IDS], "MASS": [9.0, 10.0, 11.0]}), path / name
        )
    elif name.endswith("ecsv"):
        head = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: source_id, datatype: int64}\n"
        rows = "".join(f"{id} {9.0 + n}\n" for n, id in enumerate(IDS))
        (path / name).write_text(f"{head}source_id MASS\n{rows}")
    else:
        rows = "".join(f"{9.0 + n};{id}\n" for n, id in enumerate(IDS))
        (path / name).write_text(f"MASS;my galaxies\n{rows}")


@pytest.mark.parametrize("name", ["l.fits", "l.parquet", "l.ecsv", "l.csv"])
def test_any_table_with_any_column_of_ids_gives_labels(path, name):
    write(path, name)
    assert [each["MASS"] for each in labels(path, name)] == [9, 10, 11]


def test_text_is_a_class_and_masked_values_are_unknown(path):
    (path / "l.csv").write_text("id,SPECTYPE,mass\n500,QSO,--\n501,GALAXY,10\n502,,n/a\n")
    source = open_source({"path": f"{path}/own", "labels": f"{path}/l.csv"})
    assert source.classes == {"SPECTYPE": ["GALAXY", "QSO"]}
    found = [{k: v for k, v in galaxy.labels.items() if k != "redshift"} for galaxy in source]
    assert found == [{"SPECTYPE": 1.0}, {"SPECTYPE": 0.0, "mass": 10.0}, {}]


def test_labels_find_galaxies_by_position(path):
    (path / "l.csv").write_text("RA,DEC,mass\n10.0001,-5,9\n12,-3,11\n")  # 0.36 arcsec and 0
    found = [each.get("mass") for each in labels(path, "l.csv")]
    assert found == [9, None, 11]


def named_apart(path):
    (path / "i").mkdir()
    (path / "s").mkdir()
    for number in range(2):
        np.savez(path / f"i/J{number}.npz", image=image(number), ra=10.0, dec=float(number))
        np.savez(path / f"s/t{number}.npz", flux=flux(number), ra=10.0, dec=number + 1.5 / 3600)


def test_images_and_spectra_of_other_names_are_paired_by_a_table(tmp_path):
    named_apart(tmp_path)
    (tmp_path / "pairs.csv").write_text("image,spectrum\nJ0.npz,t1.npz\nJ1.npz,t0.npz\n")
    entry = {"images": f"{tmp_path}/i", "spectra": f"{tmp_path}/s"}
    source = open_source({**entry, "pairs": f"{tmp_path}/pairs.csv"})
    assert source.ids == ["t1", "t0"]
    np.testing.assert_array_equal(source[0].image, image(0))
    np.testing.assert_array_equal(source[0].flux, flux(1))


@pytest.mark.parametrize("radius", [2.0, "2"])
def test_images_and_spectra_of_other_names_are_paired_by_position(tmp_path, radius):
    named_apart(tmp_path)
    entry = {"images": f"{tmp_path}/i", "spectra": f"{tmp_path}/s"}
    source = open_source({**entry, "radius": radius})
    assert source.ids == ["t0", "t1"]
    np.testing.assert_array_equal(source[1].image, image(1))
    with pytest.raises(ValueError, match=r"`pairs`, a table of image and spectrum, or `radius`"):
        open_source(entry)  # 1.5 arcsec are too far


def test_a_target_with_two_spectra_has_its_image_twice(tmp_path):
    write_hdf5(tmp_path / "s/a.hdf5", **universe_spectra(3, object_id=[500, 500, 501]))
    (tmp_path / "i").mkdir()
    for id in (500, 501):
        np.save(tmp_path / f"i/{id}.npy", image(id))
    with pytest.warns(UserWarning, match=r"1 of 3 have the id of another one, and its partner"):
        source = open_source({"images": f"{tmp_path}/i", "spectra": f"{tmp_path}/s"})
    assert source.ids == ["500", "500", "501"]
    np.testing.assert_array_equal(source[1].image, image(500))


def test_a_column_split_of_the_labels_is_used(path):
    (path / "l.csv").write_text("TARGETID,Split,z\n500,Training,.1\n501,valid,.2\n502,test,.3\n")
    files = {"path": f"{path}/own", "labels": str(path / "l.csv")}
    source = open_source(files)
    assert source.labels == ("redshift",)
    data = GalaxyData(files=files, batch_size=1, splits={"train": 0.8, "val": 0.2, "test": 0.0})
    chosen = {name: data.dataset(name).numbers.tolist() for name in ("train", "val")}
    split = {name: [source.id(number) for number in each] for name, each in chosen.items()}
    assert split == {"train": ["500"], "val": ["501"]}
    (path / "l.csv").write_text("TARGETID,split\n500,train\n501,alpha\n502,test\n")
    with pytest.raises(ValueError, match="splits: galaxies: 'alpha' is no split"):
        GalaxyData(files=files, batch_size=1).dataset("train")
