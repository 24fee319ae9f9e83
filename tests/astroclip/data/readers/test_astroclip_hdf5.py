import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from galaxy_files import flux, image, original_groups, write_hdf5

from astroclip.data.readers.estimate_noise import estimated_ivar
from astroclip.data.readers.open import open_source


def write_parquet(path, counts=(2, 1), **columns):
    """A parquet file of the same, with a group of rows for each group."""
    arrays = original_groups(counts)
    names = {"image": "images", "spectrum": "spectra", "redshift": "redshifts"}
    rows = {
        **{one: [x for g in range(len(counts)) for x in arrays[f"{g}/{many}"].tolist()]
           for one, many in names.items()},
        "targetid": [x for g in range(len(counts)) for x in arrays[f"{g}/targetids"].tolist()],
        **columns,
    }  # fmt: skip
    pq.write_table(pa.table(rows), path, row_group_size=counts[0])
    return path


@pytest.fixture(params=["hdf5", "parquet"])
def pairs(request, tmp_path):
    if request.param == "hdf5":
        return write_hdf5(tmp_path / "astroclip.h5", **original_groups())
    return write_parquet(tmp_path / "train.parquet")


def test_pairs_come_in_the_order_of_the_file_with_upright_images(pairs):
    source = open_source(pairs)
    assert source.ids == ["7000", "7001", "7010"]
    for number, seed in enumerate([0, 1, 10]):
        found = source[number]
        np.testing.assert_array_equal(found.image, image(seed))  # stored as (width, height, band)
        np.testing.assert_array_equal(found.flux, flux(seed))
        assert found.labels == pytest.approx({"redshift": 0.01 * seed})


def test_pairs_come_in_any_order(pairs):
    source = open_source(pairs)
    assert [source[number].id for number in (2, 0, 1)] == ["7010", "7000", "7001"]


def test_the_noise_is_estimated_where_the_file_has_none(pairs):
    found = open_source(pairs)[0]
    assert np.median(found.ivar) == pytest.approx(1 / 0.5**2, rel=0.1)  # 250 pixels in a piece


def test_the_estimate_follows_noise_and_not_signal():
    grid = np.linspace(0, 1, 7781)
    sigma = 0.2 + 0.8 * grid
    smooth = 100 * np.sin(8 * grid)
    noise = np.random.default_rng(0).normal(size=7781) * sigma
    found = estimated_ivar((smooth + noise).astype(np.float32))
    np.testing.assert_allclose(found**-0.5, sigma, rtol=0.35)
    assert np.mean(found**-0.5 / sigma) == pytest.approx(1, abs=0.03)


def test_a_model_without_noise_is_given_little():
    found = estimated_ivar(np.full(7781, 2, np.float32))
    np.testing.assert_allclose(found, 1 / 0.002**2, rtol=1e-6)


def test_nothing_was_measured_where_the_flux_is_exactly_0():
    values = flux()
    values[100:200], values[300] = 0, np.nan
    assert np.flatnonzero(estimated_ivar(values) == 0).tolist() == [*range(100, 200), 300]
    assert not estimated_ivar(np.zeros(7781, np.float32)).any()


@pytest.mark.parametrize("key", ["images", "spectra", "redshifts", "targetids"])
def test_a_missing_key_is_one_line(tmp_path, key):
    arrays = original_groups()
    del arrays[f"1/{key}"]
    path = write_hdf5(tmp_path / "a.h5", **arrays)
    with pytest.raises(ValueError, match=f"a.h5: 1/{key}: no such key; there are ") as error:
        open_source(path)
    assert "\n" not in str(error.value)


def test_other_groups_are_passed_over(tmp_path):
    path = write_hdf5(tmp_path / "a.h5", **original_groups(), **{"made/by": [1.0]})
    assert open_source(path).ids == ["7000", "7001", "7010"]


def test_an_array_that_is_shorter_than_others_is_one_line(tmp_path):
    arrays = original_groups()
    arrays["0/spectra"] = arrays["0/spectra"][:1]
    path = write_hdf5(tmp_path / "a.h5", **arrays)
    with pytest.raises(ValueError, match=r"a.h5: 0/spectra: truncated: 1 entries, but .* has 2"):
        open_source(path)


def test_a_missing_column_is_one_line(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [1], "redshift": [0.1], "targetid": [1]}), path)
    with pytest.raises(
        ValueError, match=r"a.parquet: no column 'spectrum'; it has image, redshift"
    ):
        open_source(path)


@pytest.mark.parametrize("suffix", [".h5", ".parquet"])
def test_the_wrong_number_of_pixels_names_file_and_galaxy(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".h5":
        groups = original_groups()
        write_hdf5(path, **{**groups, "0/spectra": groups["0/spectra"][:, :7000]})
    else:
        write_parquet(path, spectrum=[flux(n)[:7000, None].tolist() for n in range(3)])
    with pytest.raises(ValueError, match=f"a{suffix}: 7000: spectrum: 7000 pixels; 7781"):
        open_source(path)[0]


def test_an_image_of_another_shape_names_file_and_galaxy(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", image=[[[1.0, 2.0], [3.0]]] * 3)
    with pytest.raises(ValueError, match=r"a.parquet: 7000: image: shape \(3,\) is not"):
        open_source(path)[0]


def test_columns_on_which_arrow_ends_the_process_are_one_line(tmp_path):
    path = write_parquet(tmp_path / "a.parquet")
    raw = path.read_bytes()
    optional, required = b"%\x02\x18\x07element", b"%\x00\x18\x07element"  # in the schema
    assert optional in raw
    path.write_bytes(raw.replace(optional, required))
    with pytest.raises(ValueError, match=r"a\.parquet: truncated or not parquet: .* mismatch"):
        open_source(path)


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("suffix", [".h5", ".parquet"])
def test_a_file_that_was_cut_off_is_one_line(tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    if suffix == ".h5":
        write_hdf5(path, **original_groups())
    else:
        write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=f"a{suffix}: truncated") as error:
        open_source(path)
    assert "\n" not in str(error.value)
