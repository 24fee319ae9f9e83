"""The original's networks: its slicing to the bit, its stretch, its bag of patches."""

import plain_astroclip as plain
import pytest
import torch

from astroclip.convert.original_networks import (
    SpecFormer,
    VisionTransformer,
    slice_spectrum,
    to_rgb,
)


def spectra(batch, pixels=7781, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(batch, pixels, 1, generator=generator) + 1


@pytest.mark.parametrize(
    ("pixels", "tokens"), [(7781, 778), (7780, 777), (7789, 778), (7790, 778), (7791, 779), (31, 3)]
)
def test_spectra_are_sliced_as_the_originals_loop_does_to_the_bit(pixels, tokens):
    for batch in (1, 3):
        flux = spectra(batch, pixels)
        found = slice_spectrum(flux)
        assert found.shape == (batch, tokens, 22)
        assert torch.equal(found, plain.sliced(flux))
        assert torch.equal(found, slice_spectrum(flux[..., 0]))


def test_the_last_section_is_dropped_though_it_is_full():
    flux = spectra(1, 50)
    assert slice_spectrum(flux).shape[1] == 4  # 0 - 19, 10 - 29, 20 - 39; 30 - 49 is full too


def test_a_constant_spectrum_has_the_least_spread_and_finite_tokens():
    tokens = slice_spectrum(torch.full((2, 7781), 4.0))
    assert torch.allclose(tokens[:, 0, :2], torch.tensor([1.0, -0.225]))
    assert tokens[:, 1:].abs().max() < 1e-4


def test_a_spectrum_without_a_section_is_an_error():
    with pytest.raises(ValueError, match="spectrum: 20 pixels give no section of 20"):
        slice_spectrum(torch.zeros(2, 20))


def test_a_spectrum_longer_than_the_positions_is_an_error():
    with pytest.raises(ValueError, match="10 tokens do not fit into 8 learned positions"):
        SpecFormer(dim=8, depth=1, heads=1, length=8)(spectra(1, 110))


def test_specformer_takes_spectra_with_and_without_a_last_axis():
    model = SpecFormer(dim=8, depth=1, heads=2).eval()
    flux = spectra(2, 200)
    assert torch.equal(model(flux).tokens, model(flux[..., 0]).tokens)


@pytest.mark.parametrize("most", [300, 1])
def test_tokens_that_are_asked_for_are_reconstructed_as_all_are_gradients_too(most):
    torch.manual_seed(0)
    model = plain.random_weights(SpecFormer(dim=8, depth=2, heads=2))
    tokens, asked = slice_spectrum(spectra(3)), torch.zeros(3, 778, dtype=torch.bool)
    for row, count in enumerate((most, 0, most // 2 + 1)):  # not equally many in each row
        asked[row, torch.randperm(778)[:count]] = True
    gradients = []
    for answer in (model.reconstruct(tokens, asked), model.decode(tokens).reconstruction[asked]):
        answer.square().sum().backward()
        gradients.append([answer, *(p.grad.clone() for p in model.parameters())])
        model.zero_grad()
    for one, other in zip(*gradients, strict=True):
        assert (one - other).abs().max() <= 1e-5 * other.abs().max().clamp(1)


def test_nothing_is_reconstructed_where_nothing_is_asked_for():
    model, tokens = SpecFormer(dim=8, depth=1, heads=2), slice_spectrum(spectra(2, 100))
    asked = torch.zeros(tokens.shape[:2], dtype=torch.bool)
    answer = model.reconstruct(tokens, asked)
    assert answer.shape == (0, 22)
    answer.sum().backward()


def test_specformer_starts_with_the_originals_spreads():
    torch.manual_seed(0)
    model = SpecFormer(dim=96, depth=3, heads=2)
    block = model.encoder.blocks[0]
    expected = {
        model.embed.weight: 96**-0.5,
        model.positions.weight: 96**-0.5,
        model.head.weight: 96**-0.5,
        block.attention.query.weight: (6 * 96) ** -0.5,
        block.mlp.down.weight: (6 * 384) ** -0.5,
    }
    for weight, std in expected.items():
        assert abs(weight.std() / std - 1) < 0.05  # 2112 numbers at least; cut at 3 sigma: -1.3 %
        assert weight.abs().max() <= 3 * std
    assert not block.mlp.down.bias.any()


def test_the_full_size_has_the_originals_number_of_parameters():
    with torch.device("meta"):
        counts = [sum(p.numel() for p in net.parameters()) for net in (SpecFormer(), vit_l())]
    assert counts == [43_177_750, 302_954_496]


def vit_l():
    model = VisionTransformer(legacy=False)
    model.mask_token = torch.nn.Parameter(torch.zeros(1, 1024))  # of its training; ours has none
    return model


def test_images_are_stretched_as_the_viewer_does():
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(4, 3, 12, 12, generator=generator).mul(2).exp() - 0.2
    image[0] = -1.0  # no light at all
    image[1, :, 0, 0] = -0.03 / torch.tensor([6.0, 3.4, 2.2])  # none either, to the digit
    found = to_rgb(image)
    assert (found - plain.rgb(image)).abs().max() <= 1e-6
    assert found.min() >= 0
    assert found.max() <= 1


def test_red_is_z_and_blue_is_g():
    image = torch.zeros(3, 3, 1, 1)
    for band in range(3):
        image[band, band] = 0.1
    assert to_rgb(image).flatten(1).argmax(1).tolist() == [2, 1, 0]


def small(legacy):
    torch.manual_seed(0)
    model = VisionTransformer(24, 6, 32, 2, 2, legacy=legacy)
    return plain.random_weights(model)


def shuffled(image):
    """Its 4 x 4 patches in another order."""
    patches = image.unflatten(3, (4, 6)).unflatten(2, (4, 6)).transpose(3, 4).flatten(2, 3)
    patches = patches[:, :, torch.randperm(16, generator=torch.Generator().manual_seed(1))]
    return patches.unflatten(2, (4, 4)).transpose(3, 4).flatten(4, 5).flatten(2, 3)


@pytest.mark.parametrize("legacy", [True, False])
def test_the_originals_images_are_a_bag_of_patches(legacy):
    model, image = small(legacy), torch.rand(2, 3, 24, 24)
    apart = (model(image).mean(1) - model(shuffled(image)).mean(1)).abs().max()
    assert bool(apart < 1e-5) is legacy


def test_a_bag_of_patches_may_have_any_size():
    assert small(True)(torch.rand(1, 3, 12, 30)).shape == (1, 10, 32)


def test_an_image_that_patches_do_not_fill_is_an_error():
    with pytest.raises(ValueError, match="image: 24 x 25 pixels in patches of 6"):
        small(True)(torch.rand(1, 3, 24, 25))
