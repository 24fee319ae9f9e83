"""Encoders of images: apertures are what is stated, patches lie where they belong."""

import pytest
import torch

from astroclip.nn.aperture_photometry import photometry
from astroclip.nn.image_encoder import NOISE, STRETCHES, Apertures, ImageEncoder, ImageTransformer

KINDS = [
    {"photometry": True},
    {"photometry": False, "apertures": 5},
    {"photometry": False, "depth": 1},
    {"photometry": True, "apertures": 5, "depth": 2},
]


def images(batch=3, size=24):
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(batch, 3, size, size, generator=generator)


def encoder(**kind):
    torch.manual_seed(0)
    return ImageEncoder(width=16, size=24, dim=8, heads=2, **kind).eval()


def transformer():
    torch.manual_seed(0)
    return ImageTransformer(size=24, patch=6, dim=8, depth=1, heads=2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_one_is_row_0_of_a_larger_batch(kind):
    model = encoder(**kind)
    assert (model(images()[:1])[0] - model(images())[0]).abs().max() <= 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_gets_a_gradient(kind):
    model = encoder(**kind)
    h = model(images())
    (h.square() + h).sum().backward()
    for name, parameter in model.named_parameters():
        if name != "tokens.hidden":  # of the self-distillation alone
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_without_light_has_a_finite_embedding(kind):
    assert encoder(**kind)(torch.zeros(2, 3, 24, 24)).isfinite().all()


def test_the_photometry_is_that_of_the_survey():
    model = encoder(photometry=True)
    assert model.measured is not None
    expected = model.head(model.measured(photometry(images())))
    assert torch.equal(model(images()), expected)


def test_an_image_of_another_size_is_an_error():
    with pytest.raises(ValueError, match="image: 24 x 30 pixels; 24 are needed"):
        encoder(photometry=True)(torch.zeros(1, 3, 24, 30))


def test_an_encoder_that_sees_nothing_is_an_error():
    with pytest.raises(ValueError, match="photometry: false, with no apertures"):
        encoder(photometry=False)


def test_patches_that_do_not_fill_the_image_are_an_error():
    with pytest.raises(ValueError, match="patch: 7 does not divide size 24"):
        encoder(depth=1, patch=7)


def sums(apertures, image):
    """What was stretched: (batch, bands, Gaussians and mixtures), in units of the noise."""
    faint, bright = apertures(image).unflatten(1, (2, 3, -1)).sinh().unbind(1)
    assert torch.allclose(2 * faint, 30 * bright, rtol=1e-4, atol=1e-4)
    return 2 * faint


def test_apertures_are_gaussians_whose_widths_double_up_to_a_third_of_the_side():
    gaussians = Apertures(4, 24).gaussians
    place = torch.arange(24) - 11.5
    middle = gaussians[[12, 37, 62, 79]].view(4, 24, 24)  # of 25, 25, 25 and 9
    for found, width in zip(middle, (0.8, 1.6, 3.2, 6.4), strict=True):
        expected = torch.exp(-(place[:, None] ** 2 + place**2) / (2 * width**2))
        assert torch.allclose(found, expected / expected.norm(), atol=1e-6)


def test_gaussians_lie_five_quarters_of_their_width_apart_and_inside_of_the_image():
    gaussians = Apertures(4, 24).gaussians
    assert len(gaussians) == 3 * 25 + 9  # 2 x 8 pixels off the middle are outside
    place = torch.arange(24) - 11.5
    found = gaussians[25:50] ** 2  # of width 1.6
    across = (found.view(25, 24, 24).sum(1) * place).sum(1).view(5, 5)
    assert torch.allclose(across, 2.0 * (torch.arange(5.0) - 2).expand(5, 5), atol=1e-4)


def test_apertures_are_in_units_of_their_noise():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(4000, 3, 24, 24, generator=generator)
    noise *= torch.tensor(NOISE)[:, None, None]
    found = sums(Apertures(4, 24), noise)[..., :-4]
    assert (found.std(0) - 1).abs().max() < 0.06  # 4000 draws: 1.1 %, of 252 the largest


def test_apertures_of_a_point_source_are_their_value_there():
    apertures, image = Apertures(4, 24), torch.zeros(1, 3, 24, 24)
    image[0, 1, 5, 7] = 2.0
    found = sums(apertures, image)[0, :, :-4]
    expected = 2 / NOISE[1] * apertures.gaussians[:, 5 * 24 + 7]
    assert torch.allclose(found[1], expected, rtol=1e-3, atol=1e-4)
    assert not found[[0, 2]].any()


def test_mixtures_are_linear_in_the_apertures():
    apertures, image = Apertures(4, 24), images()
    found = sums(apertures, image)
    expected = found[..., :-4] @ apertures.mix.weight.T
    assert torch.allclose(found[..., -4:], expected, rtol=1e-3, atol=1e-3)


def test_a_token_holds_the_stretched_pixels_of_its_patch():
    model, image = transformer(), images()
    pieces = model.pieces(image).view(3, 4, 4, len(STRETCHES), 3, 6, 6)
    for stretch, softening in enumerate(STRETCHES):
        for band, noise in enumerate(NOISE):
            expected = torch.asinh(image[:, band, 6:12, 12:18] / (softening * noise)) / 3
            assert torch.allclose(pieces[:, 1, 2, stretch, band], expected)


def test_a_whole_image_has_the_learned_positions():
    model = transformer()
    assert torch.equal(model.placed(4, 4), model.positions.flatten(1).mT)


def test_a_crop_has_those_positions_stretched_over_it():
    model = transformer()
    place = torch.arange(4.0)
    with torch.no_grad():
        model.positions.copy_((10 * place[:, None] + place).expand(8, -1, -1))
    found = model.placed(2, 4)[:, 0].view(2, 4)
    assert torch.allclose(found, 10 * torch.tensor([0.5, 2.5])[:, None] + place)
    assert model(images(2, 12)).patches.shape == (2, 4, 8)


def test_hidden_patches_are_seen_by_none():
    model, image = transformer().eval(), images(1)
    hidden = torch.zeros(1, 16, dtype=torch.bool)
    hidden[0, 5] = True
    other = image.clone()
    other[..., 6:12, 6:12] = 7.0  # patch 5 of 4 x 4
    for a, b in zip(model(image, hidden), model(other, hidden), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(model(image).cls, model(other).cls)


def test_the_order_of_patches_matters():
    model, image = transformer().eval(), images(1)
    assert not torch.allclose(model(image).cls, model(image.flip(3)).cls, atol=1e-4)
