"""Galaxies of a training: simulated, of files, of shards."""

import numpy as np
import pytest
import torch
from astroclip_small import data, write_pairs

from astroclip.data.datamodule import RESERVED
from astroclip.data.shards import Shards, make_sample, simulate
from astroclip.data.simulated import fresh, simulated
from astroclip.nn.spectrum_encoder import BINS, Rebin
from astroclip.simulate.galaxies import BLOCK, LABELS
from astroclip.simulate.galaxies import simulate as simulate_block
from astroclip.survey import PIXELS

pytestmark = pytest.mark.filterwarnings("ignore")


def batches(loader):
    return list(loader)


def numbers(loader):
    return torch.cat([batch.number for batch in loader])


def test_a_batch_holds_the_galaxies_of_the_simulator_in_bins():
    made = simulate_block(0, RESERVED, 16)
    (batch,) = batches(data(pairs=8).train_dataloader())
    order = batch.number.numpy()
    np.testing.assert_allclose(batch.image, made.image[order], rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(batch.labels, made.labels[order])
    flux, ivar = Rebin()(*(torch.from_numpy(x[order]) for x in (made.flux, made.ivar)))
    torch.testing.assert_close(batch.flux, flux, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(batch.ivar, ivar, rtol=1e-3, atol=1e-3)


def test_spectra_may_stay_in_the_pixels_of_the_survey():
    own = data(pairs=8, grid="survey")
    (batch,) = batches(own.train_dataloader())
    assert batch.flux.shape == (8, PIXELS)


def test_splits_are_of_other_galaxies_and_none_is_lost():
    own = data()
    seen = {}
    for split in ("train", "val", "test"):
        loader = own.loader(split)
        labels = torch.cat([batch.labels for batch in loader])
        assert len(labels) == {"train": 24, "val": 12, "test": 12}[split]
        seen[split] = {tuple(row) for row in labels.tolist()}
    assert len(set.union(*seen.values())) == 48


def test_galaxies_are_the_same_however_they_are_simulated():
    one, two = (simulated(0, range(3, 5), 16, workers=workers) for workers in (0, 2))
    for ours, theirs in zip(one, two, strict=True):
        assert torch.equal(ours, theirs)


def test_a_stream_makes_other_galaxies_at_every_step_and_the_same_ones_again():
    own = data(pairs=2 * BLOCK, stream=True, batch_size=BLOCK)
    first, second = batches(own.train_dataloader())
    again = fresh(1, 0, RESERVED, 16, "bins", BLOCK)
    assert torch.equal(second.flux, again.flux)
    assert not torch.equal(first.labels, second.labels)
    assert own.batches == 2


def test_shards_hold_what_the_simulator_makes(tmp_path, capsys):
    simulate(str(tmp_path / "s"), shards=2, samples=5, size=16, seed=3)
    capsys.readouterr()
    source = Shards(str(tmp_path / "s"))
    made = simulate_block(3, 0, 16)
    for number, galaxy in enumerate(source):
        np.testing.assert_array_equal(galaxy.image, made.image[number])
        np.testing.assert_array_equal(
            galaxy.flux, np.where(made.ivar[number] > 0, made.flux[number], 0)
        )
        assert galaxy.labels["redshift"] == pytest.approx(made.labels[number, 0])
    assert source.ids == [f"simulated-3-{number}" for number in range(5)]
    np.testing.assert_array_equal(make_sample(4, 3, 16)["flux"], made.flux[4])


def test_files_are_split_by_id_and_read_in_bins(tmp_path):
    entry = write_pairs(tmp_path, count=30)
    own = data(files=[entry], batch_size=4, labels=["redshift"])
    own.check()
    seen = [set(numbers(own.loader(split)).tolist()) for split in ("train", "val", "test")]
    assert sorted(set.union(*seen)) == list(range(30))
    assert sum(map(len, seen)) == 30
    batch = batches(own.loader("train"))[0]
    assert batch.flux.shape == (4, BINS)
    assert batch.image.shape == (4, 3, 16, 16)
    assert batch.labels.shape == (4, 1)
    assert set(LABELS) >= set(own.labels)


def test_a_bad_galaxy_is_named_before_a_run_and_left_out_when_asked(tmp_path, capsys):
    entry = write_pairs(tmp_path, count=30)
    np.savez(tmp_path / "spectra" / "g7.npz", flux=np.ones(PIXELS), ivar=np.zeros(PIXELS))
    np.savez(tmp_path / "spectra" / "g9.npz", flux=np.ones(12), ivar=np.ones(12))
    with pytest.raises(ValueError, match=r"g7.*ivar.*; and 1 others \(--on_error") as caught:
        data(files=[entry], on_error="stop").check()
    assert "\n" not in str(caught.value)
    own = data(files=[entry], batch_size=4)
    own.check()
    left_out = capsys.readouterr().err
    assert "g7" in left_out
    assert "g9" in left_out
    total = sum(len(numbers(own.loader(split))) for split in ("train", "val", "test"))
    assert total == 28


def test_options_that_cannot_be_are_said_in_one_line():
    for options, message in (
        ({"pairs": 0}, "pairs: 0 is less than 1"),
        ({"test_pairs": 5000}, "test_pairs: 5000 is more than 2048"),
        ({"stream": True, "batch_size": 100}, "batch_size: 100 is not a multiple of 256"),
        ({"splits": {"train": 1.0}}, "splits: .* does not name train, val and test"),
        ({"splits": {"train": 0.8, "val": 0.1, "test": 0.2}}, "splits: .* are not shares of 1"),
        ({"workers": -1}, "workers: -1 is less than 0"),
        ({"files": ["none.fits"]}, "none.fits: no such file"),
        ({"seed": -1}, "seed: -1 is less than 0"),
    ):
        with pytest.raises(ValueError, match=message):
            data(**options)
    with pytest.raises(ValueError, match="batch_size: 8 is more than the galaxies of an epoch"):
        data(pairs=4).check()
