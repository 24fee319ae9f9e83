"""Two encoders, one space."""

import math

import pytest
import torch

from astroclip.nn.image_encoder import ImageEncoder
from astroclip.nn.model import AstroCLIP
from astroclip.nn.spectrum_encoder import SpectrumEncoder


@pytest.fixture
def model():
    torch.manual_seed(0)
    image = ImageEncoder(width=16, size=24, depth=1, dim=8, heads=2)
    spectrum = SpectrumEncoder(width=16, depth=1, dim=8, heads=2)
    return AstroCLIP(image, spectrum, 16, 12).eval()


def pairs(batch=3):
    generator = torch.Generator().manual_seed(0)
    image = 0.1 * torch.randn(batch, 3, 24, 24, generator=generator)
    flux = torch.randn(batch, 7781, generator=generator)
    return image, flux, torch.rand(batch, 7781, generator=generator)


def test_embeddings_in_the_space_of_both_have_norm_1(model):
    seen, measured = model(*pairs())[:2]
    assert seen.h.shape == measured.h.shape == (3, 16)
    for z in (seen.z, measured.z):
        assert z.shape == (3, 12)
        assert torch.allclose(z.norm(dim=1), torch.ones(3))


def test_both_kinds_are_encoded_by_themselves(model):
    image, flux, ivar = pairs()
    seen, measured = model(image, flux, ivar)[:2]
    assert torch.equal(model.encode_image(image).z, seen.z)
    assert torch.equal(model.encode_spectrum(flux, ivar).z, measured.z)


def test_a_batch_of_one_is_row_0_of_a_larger_batch(model):
    image, flux, ivar = pairs()
    few, many = model(image[:1], flux[:1], ivar[:1]), model(image, flux, ivar)
    for one, other in zip([*few[0], *few[1]], [*many[0], *many[1]], strict=True):
        assert (one[0] - other[0]).abs().max() <= 1e-5


def test_the_scale_starts_at_the_originals(model):
    assert model.log_scale.exp().item() == pytest.approx(15.5)
    assert math.isclose(model.bias.item(), -10)


def test_every_parameter_gets_a_gradient(model):
    image, flux, ivar = pairs()
    seen, measured = model(image, flux, ivar)[:2]
    rebuilt = model.spectrum(flux, ivar).reconstruction
    logits = seen.z @ measured.z.T * model.log_scale.exp() + model.bias
    (logits.square().sum() + rebuilt.square().sum()).backward()
    for name, parameter in model.named_parameters():
        if name != "image.tokens.hidden":  # of the self-distillation alone
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
