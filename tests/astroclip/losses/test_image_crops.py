import math

import pytest
import torch

from astroclip.losses.image_crops import (
    blurred,
    cut,
    degraded,
    hidden_patches,
    views,
)
from astroclip.simulate.images import NOISE


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(batch, height, width):
    """Images whose pixels say where they were."""
    return torch.arange(float(height * width)).reshape(height, width).expand(batch, 3, -1, -1)


def test_a_crop_is_a_square_of_the_image_turned_in_each_of_eight_ways():
    place, steps = torch.arange(4), set()
    for crop in cut(numbered(200, 7, 9), 4, seeded())[:, 0]:
        down, across = crop[1, 0] - crop[0, 0], crop[0, 1] - crop[0, 0]
        assert torch.equal(crop, crop[0, 0] + place[:, None] * down + place * across)
        steps.add((int(down), int(across)))
    one = {(down, across) for down in (9, -9) for across in (1, -1)}
    assert steps == one | {(down, across) for across, down in one}


def test_crops_lie_everywhere():
    corners = cut(numbered(2000, 6, 7), 4, seeded())[:, 0].flatten(1).amin(1)
    found = corners.long().bincount()
    assert set(corners.tolist()) == {y * 7 + x for y in range(3) for x in range(4)}
    assert found[found > 0].min() > 100  # of 167 expected


def test_a_crop_of_the_whole_image_is_all_of_it():
    image = torch.randn(2, 3, 5, 5, generator=seeded())
    crop = cut(image, 5, seeded())
    torch.testing.assert_close(crop.flatten(2).sort().values, image.flatten(2).sort().values)


def test_a_crop_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="a crop of 8 pixels of an image of 7 x 9"):
        cut(torch.zeros(1, 3, 7, 9), 8, seeded())


def test_views_are_of_the_generator_alone():
    images = torch.randn(3, 3, 20, 20, generator=seeded())
    first, second = (views(images, 16, 8, 4, seeded(5)) for _ in range(2))
    assert torch.equal(first.large, second.large)
    assert torch.equal(first.small, second.small)
    assert first.large.shape == (6, 3, 16, 16)
    assert first.small.shape == (12, 3, 8, 8)


def test_the_first_large_crop_is_not_degraded():
    images = numbered(10, 20, 20)
    large = views(images, 20, 8, 1, seeded()).large
    torch.testing.assert_close(large[:10].flatten(2).sort().values, images.flatten(2))
    assert not torch.equal(large[10:].flatten(2).sort().values, images.flatten(2))


def test_no_small_crop_is_refused():
    with pytest.raises(ValueError, match="count: 0 small crops"):
        views(torch.zeros(1, 3, 9, 9), 8, 4, 0, seeded())


def test_a_blurred_gaussian_is_wider_by_the_blur():
    place = torch.arange(41.0) - 20
    square = place[:, None] ** 2 + place**2
    sigma = torch.tensor([[0.0, 1.0, 2.0]])
    out = blurred(torch.exp(-square / (2 * 1.5**2)).expand(1, 3, -1, -1), sigma)[0]
    width = ((out * square).sum((1, 2)) / out.sum((1, 2)) / 2).sqrt()
    torch.testing.assert_close(width, (1.5**2 + sigma[0] ** 2).sqrt(), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(out.sum((1, 2)), out[0].sum().expand(3))


def test_a_flat_image_stays_flat_to_its_edges():
    torch.testing.assert_close(
        blurred(torch.ones(1, 3, 9, 12), torch.full((1, 3), 2.0)), torch.ones(1, 3, 9, 12)
    )


def test_no_blur_changes_nothing():
    image = torch.randn(2, 3, 8, 8, generator=seeded())
    assert torch.equal(blurred(image, torch.zeros(2, 3)), image)
    assert torch.equal(degraded(image, 0.0, seeded()), image)


def test_noise_is_what_one_draw_of_the_survey_lacks_to_another():
    """``E max(0, f^2 - t^2)`` of two draws of the log-normal, by hand."""
    out = degraded(torch.zeros(4000, 3, 6, 6), 1.0, seeded())
    shape, location, scale = torch.tensor(NOISE, dtype=torch.float32)[:, :, None].unbind(1)
    draws = location + scale * (shape * torch.randn(2, 3, 100_000, generator=seeded(1))).exp()
    expected = (draws[0] ** 2 - draws[1] ** 2).clamp_min(0).mean(1)
    torch.testing.assert_close(out.square().mean((0, 2, 3)), expected, rtol=0.1, atol=0)


def test_patches_are_hidden_equally_often():
    draws = 20_000
    often = hidden_patches(draws, 5, 6, seeded()).float().mean(0)
    sigma = math.sqrt(0.16 * 0.84 / draws)
    assert (often - often.mean()).abs().max() < 4.5 * sigma


def test_half_of_the_images_hide_a_tenth_to_a_half_of_their_patches():
    count = hidden_patches(4000, 6, 6, seeded()).sum(1)
    assert float((count > 0).float().mean()) == pytest.approx(0.5, abs=0.03)
    assert int(count[count > 0].min()) == 4  # 3.6 of 36, rounded up
    assert int(count.max()) == 18


def test_hidden_patches_are_together():
    """More neighbors of a hidden patch are hidden than if patches were drawn one by one."""
    hidden = hidden_patches(2000, 6, 6, seeded()).unflatten(1, (6, 6))
    hidden = hidden[hidden.any(2).any(1)]
    beside = hidden.roll(1, 1)[hidden].float().mean()
    assert beside > 2 * hidden.float().mean()
