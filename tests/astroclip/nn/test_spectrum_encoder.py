"""Bins conserve what was measured, lines move with redshift, hidden pixels are not seen."""

import numpy as np
import pytest
import torch

from astroclip.nn.spectrum_encoder import BINS, STATS, TARGETS, Rebin, SpectrumEncoder, standardized
from astroclip.survey import PIXELS, STEP, wavelengths

DEPTHS = pytest.mark.parametrize("depth", [0, 1])


def spectra(batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    ivar = torch.rand(batch, PIXELS, generator=generator) + 0.1
    flux = 2 + torch.randn(batch, PIXELS, generator=generator) / ivar.sqrt()
    return flux, ivar.masked_fill(torch.rand(batch, PIXELS, generator=generator) < 0.1, 0.0)


def encoder(depth):
    torch.manual_seed(0)
    return SpectrumEncoder(width=16, depth=depth, dim=8, heads=2).eval()


def edges():
    first, last = wavelengths()[0] - STEP / 2, wavelengths()[-1] + STEP / 2
    return np.geomspace(first, last, BINS + 1)


def test_bins_conserve_weights_and_weighted_flux():
    flux, ivar = spectra()
    binned, weight = Rebin()(flux, ivar)
    assert binned.shape == weight.shape == (3, BINS)
    total, found = ivar.double().sum(1), weight.double().sum(1)
    assert torch.allclose(found, total, rtol=1e-6)
    total, found = (flux * ivar).double().sum(1), (binned * weight).double().sum(1)
    assert torch.allclose(found, total, rtol=1e-6)


def test_a_pixel_counts_in_each_bin_with_its_share_there():
    flux, ivar = spectra(1)
    binned, weight = Rebin()(flux, ivar)
    left = wavelengths() - STEP / 2
    for low, high, at in zip(edges()[:-1], edges()[1:], range(BINS), strict=True):
        if at % 137:
            continue
        share = np.clip(np.minimum(high, left + STEP) - np.maximum(low, left), 0, None) / STEP
        expected = ivar[0].double() @ torch.from_numpy(share)
        assert abs(weight[0, at] - expected) < 1e-5
        expected = (flux * ivar)[0].double() @ torch.from_numpy(share) / expected
        assert abs(binned[0, at] - expected) < 1e-5


def test_a_redshift_moves_every_line_by_the_same_number_of_bins():
    rest = torch.tensor([3900.0, 5000.0, 6500.0])
    places = []
    for redshift in (0.0, 0.2, 0.4):
        center = rest[:, None] * (1 + redshift)
        line = torch.exp(-((torch.from_numpy(wavelengths()) - center) ** 2) / (2 * 8.0**2))
        binned, _ = Rebin()(line.float(), torch.ones_like(line).float())
        places.append((binned * torch.arange(BINS)).sum(1) / binned.sum(1))
    shift = torch.stack(places).diff(dim=0)
    step = np.log(edges()[1] / edges()[0])
    for row, factor in zip(shift, (1.2, 1.4 / 1.2), strict=True):
        assert (row - np.log(factor) / step).abs().max() < 0.02


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_hidden_pixels_are_not_seen_whatever_they_carry(value):
    flux, ivar = spectra()
    ivar[:, 1000:1400] = 0
    other = flux.clone()
    other[ivar == 0] = value
    model = encoder(1)
    for a, b in zip(model(flux, ivar), model(other, ivar), strict=True):
        assert torch.equal(a, b)


def test_pixels_that_are_not_finite_count_as_hidden():
    flux, ivar = spectra()
    hidden = ivar.clone()
    hidden[:, 50:90] = 0
    broken, weight = flux.clone(), ivar.clone()
    broken[:, 50:70] = torch.nan
    weight[:, 70:80] = torch.inf
    weight[:, 80:90] = -1.0
    assert torch.equal(encoder(0)(broken, weight).h, encoder(0)(flux, hidden).h)


@DEPTHS
def test_where_nothing_was_measured_all_is_finite(depth):
    flux, ivar = spectra(2)
    flux[0] = torch.nan
    ivar[0] = 0
    model = encoder(depth)
    for part in model(flux, ivar):
        assert part.isfinite().all()
    seen = model.read(flux, ivar)
    assert not seen.flux[0].any()
    assert seen.channels().isfinite().all()
    target, weight = seen.target()
    assert not target[0].any()
    assert not weight[0].any()


def test_standardized_flux_has_weighted_mean_0_and_spread_1():
    flux, ivar = Rebin()(*spectra())
    seen = standardized(5 * flux, ivar / 25)
    mean = (seen.flux * seen.precision).sum(1) / seen.precision.sum(1)
    spread = (seen.flux.square() * seen.precision).sum(1) / seen.precision.sum(1)
    assert mean.abs().max() < 1e-5
    assert (spread - 1).abs().max() < 1e-5
    assert seen.stats.shape == (3, STATS)


def test_the_unit_of_flux_changes_nothing_but_the_stats():
    flux, ivar = Rebin()(*spectra())
    one, other = standardized(flux, ivar), standardized(8 * flux, ivar / 64)
    assert torch.allclose(one.channels(), other.channels(), atol=1e-5)
    assert not torch.allclose(one.stats, other.stats, atol=1e-2)


def test_the_target_is_the_weighted_mean_of_four_bins():
    seen = standardized(*Rebin()(*spectra(1)))
    target, weight = seen.target()
    assert target.shape == weight.shape == (1, TARGETS)
    q, x = seen.precision[0, 40:44], seen.flux[0, 40:44]
    assert torch.isclose(target[0, 10], (q * x).sum() / q.sum(), atol=1e-6)
    assert torch.isclose(weight[0, 10], q.mean() / (q.mean() + 1))


@DEPTHS
def test_the_embedding_does_not_know_what_is_hidden_from_it(depth):
    flux, ivar = Rebin()(*spectra())
    hidden = torch.zeros(3, TARGETS, dtype=torch.bool)
    hidden[:, 100:150] = True
    other = flux.clone()
    other[:, 400:600] += 3
    model = encoder(depth)
    one, two = model(flux, ivar, hidden), model(other, ivar, hidden)
    assert torch.equal(one.h, two.h)
    assert not torch.allclose(one.wanted[hidden], two.wanted[hidden], atol=0.1)
    assert torch.equal(one.wanted[~hidden], two.wanted[~hidden])
    assert not torch.allclose(model(flux, ivar).h, model(other, ivar).h, atol=1e-3)


@DEPTHS
def test_a_batch_of_one_is_row_0_of_a_larger_batch(depth):
    flux, ivar = spectra(4)
    model = encoder(depth)
    for one, many in zip(model(flux[:1], ivar[:1]), model(flux, ivar), strict=True):
        assert (one[0] - many[0]).abs().max() <= 1e-5  # fp32 sums in another order


@DEPTHS
def test_pixels_and_their_bins_give_the_same_embedding(depth):
    flux, ivar = spectra()
    model = encoder(depth)
    assert torch.equal(model(*Rebin()(flux, ivar)).h, model(flux, ivar).h)


@pytest.mark.parametrize("pixels", [0, 2047, 7780])
def test_another_number_of_pixels_is_an_error(pixels):
    flux = torch.ones(2, pixels)
    with pytest.raises(ValueError, match=f"flux: {pixels} pixels are neither 7781 nor 2048 bins"):
        encoder(0)(flux, flux)


@DEPTHS
def test_every_parameter_gets_a_gradient(depth):
    model = encoder(depth)
    code = model(*spectra())
    sum((x.square() + x).sum() for x in (code.h, code.reconstruction)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
