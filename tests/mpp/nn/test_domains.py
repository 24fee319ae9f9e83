"""The AViT on domains of any size, number of axes and boundaries, and what does not fit."""

import pytest
import torch
from small_avit import FIELDS, SUMS, draw, make

from mpp.nn.model import AViT


@pytest.mark.parametrize("size", [(9, 13), (8, 13), (3, 1), (4, 4)])
@pytest.mark.parametrize("boundary", ["periodic", "open", "wall"])
def test_any_size_has_an_answer_of_that_size(size, boundary):
    """B13 of the original: nothing is cut off; B6: one token and one point are answers too."""
    model = make(halo=1)
    out = model(draw(1, 2, 2, *size), FIELDS, (boundary, boundary))
    assert out.shape == (1, 2, *size)
    assert out.isfinite().all()


@pytest.mark.parametrize("bias", ["relative", "continuous", "none"])
def test_one_token_is_enough(bias):
    """B6: the original's norms fail, and its continuous bias is NaN."""
    model = make(patch=(4, 2, 2), bias=bias)
    out = model(draw(1, 1, 2, 16, 16), FIELDS, (True, False))
    assert out.isfinite().all()
    assert not torch.equal(out[:, :, :8], out[:, :, 8:])


def test_padding_an_open_axis_continues_its_edge():
    """Where nothing changes along an axis, the size of the axis does not matter: 7 rows or 8."""
    model = make(target="next", bias="none")
    frames = draw(1, 3, 2, 1, 16).expand(-1, -1, -1, 8, -1)
    whole = model(frames, FIELDS, ("open", "open"))
    padded = model(frames[:, :, :, :7], FIELDS, ("open", "open"))
    # The unbiased deviations of 3 x 7 x 16 and 3 x 8 x 16 points differ by 2e-4, which grows.
    assert (padded - whole[:, :, :7]).abs().max() <= 1e-2 * whole.std()


def test_padding_a_periodic_axis_goes_around():
    model = make(target="next", bias="none", halo=2)
    wave = torch.arange(18) * (2 * torch.pi / 6)  # three periods; 20 points are covered
    frames = wave.sin().view(1, 1, 1, -1, 1).expand(1, 1, 1, -1, 8) + 0.0
    x = (frames - frames.mean()) / frames.std()
    inner = model.stem(x[0], FIELDS[:1], ("periodic", "periodic"))
    longer = wave.repeat(2)[:20].sin().view(1, 1, 20, 1).expand(1, 1, 20, 8)
    assert torch.allclose(wave.sin().repeat(2)[:20], longer[0, 0, :, 0])
    assert inner.shape == (1, 5 * 2, 32)
    assert model(frames, FIELDS[:1], ("periodic", "periodic")).shape == (1, 1, 18, 8)


@pytest.mark.parametrize("axes", [2, 3])
def test_an_axis_that_is_missing_is_one_of_a_single_point(axes):
    model = make(axes=axes)
    frames = draw(2, 3, 2, *(12, 8)[: axes - 1])
    fewer = ("periodic", "open")[: axes - 1]
    out = model(frames, FIELDS, fewer)
    whole = model(frames[..., None], FIELDS, (*fewer, "periodic"))
    assert torch.equal(out, whole[..., 0])


@pytest.mark.parametrize("axes", [1, 3])
def test_one_and_three_axes_shift_like_two(axes):
    model = make(axes=axes)
    frames = draw(1, 2, 2, *(20, 8, 12)[:axes])
    boundaries = ("periodic", "open", "wall")[:axes]
    out = model(frames, FIELDS, boundaries)
    shifted = model(frames.roll(4, 3), FIELDS, boundaries)
    assert out.shape[2:] == frames.shape[3:]
    assert (shifted - out.roll(4, 2)).abs().max() <= SUMS * out.std()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "M"}, "size: 'M' is none of Ti, S, B, L"),
        ({"size": (32, 2)}, r"size: \[32, 2\] is not"),
        ({"size": (30, 2, 2)}, "size: a width of 30 is no multiple of 4"),
        ({"size": (32, 2, 3)}, "3 heads do not divide a width of 32"),
        ({"patch": ()}, r"patch: \[\] is no list"),
        ({"axes": 4}, "axes: 4"),
        ({"drop_path": 1.0}, "drop_path: 1.0 is not"),
        ({"halo": -1}, "halo: -1 is"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AViT(**{"size": (32, 2, 2), **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bias": "rel"}, "bias: 'rel' is none of relative, continuous, none|'rel'"),
        ({"target": "delta"}, "target: 'delta' is none of next, change|'delta'"),
    ],
)
def test_names_that_are_none_are_refused(options, message):
    with pytest.raises((ValueError, TypeError), match=message):  # TypeError: by the shape hook
        AViT(size=(32, 2, 2), **options)


def test_inputs_that_do_not_fit_are_refused():
    model = make()
    with pytest.raises(ValueError, match=r"boundaries=\['periodic'\] of 1 axes"):
        model(draw(1, 2, 2, 8, 8), FIELDS, ("periodic",))
    with pytest.raises((ValueError, TypeError), match="'closed'"):
        model(draw(1, 2, 2, 8, 8), FIELDS, ("closed", "open"))
    with pytest.raises(ValueError, match="at most 2 axes"):
        model(draw(1, 2, 2, 8, 8, 8), FIELDS, (True, True, True))
    with pytest.raises((ValueError, TypeError), match=r"2 fields|dimension fields is 2|'fields'"):
        model(draw(1, 2, 3, 8, 8), FIELDS, (True, True))
