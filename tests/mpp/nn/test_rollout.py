import pytest
import torch

from mpp.evaluation.baselines import linear, persistence
from mpp.nn.model import AViT
from mpp.nn.rollout import rollout

FIELDS = torch.tensor([0, 2])
BOUNDARIES = ("periodic", "wall")
SHAPES = {1: (9,), 2: (6, 5), 3: (4, 3, 5)}


def history(*space, time=3):
    return torch.randn(2, time, 2, *space, generator=torch.Generator().manual_seed(0))


def sums(frames, fields, boundaries):
    """The sum of the window, so that an answer says which frames were in it."""
    return frames.sum(1)


def test_each_answer_takes_the_place_of_the_oldest_frame():
    frames = history(4)
    a, b, c = frames.unbind(1)
    first, second = a + b + c, b + c + (a + b + c)
    expected = torch.stack([first, second, c + first + second], 1)
    torch.testing.assert_close(rollout(sums, frames, FIELDS, ("open",), 3), expected)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_one_step_of_a_network_is_its_forward_and_five_have_five_frames(axes):
    torch.manual_seed(0)
    model = AViT(3, (8, 1, 2), (2,), axes, layer_scale=1.0).eval()
    frames, boundaries = history(*SHAPES[axes]), ("open",) * axes
    with torch.no_grad():
        answers = rollout(model, frames, FIELDS, boundaries, 5)
        expected = model(frames, FIELDS, boundaries)
    assert answers.shape == (2, 5, 2, *SHAPES[axes])
    torch.testing.assert_close(answers[:, 0], expected)
    assert not torch.allclose(answers[:, 1], expected)


def test_the_last_step_has_a_gradient_through_all_before_it():
    frames = history(4).requires_grad_()
    rollout(sums, frames, FIELDS, ("open",), 2)[:, -1].sum().backward()
    assert frames.grad is not None
    torch.testing.assert_close(frames.grad.mean((0, 2, 3)), torch.tensor([1.0, 2.0, 2.0]))


def test_a_rollout_under_autocast_keeps_fp32_frames():
    torch.manual_seed(0)
    model = AViT(3, (8, 1, 2), (2,), 2, layer_scale=1.0).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        answers = rollout(model, history(4, 4), FIELDS, BOUNDARIES, 2)
    assert answers.dtype == torch.float32
    assert answers.isfinite().all()


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="steps: 0 is less than 1"):
        rollout(sums, history(4), FIELDS, ("open",), 0)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_linear_extrapolation_is_exact_where_every_change_is_the_same(axes):
    state, rate = history(*SHAPES[axes], time=2).unbind(1)
    steps = [state + number * rate for number in range(7)]
    frames, future = torch.stack(steps[:3], 1), torch.stack(steps[3:], 1)
    torch.testing.assert_close(linear(frames, 4), future)


def test_persistence_repeats_the_last_frame():
    frames = history(3, 4)
    answers = persistence(frames, 3)
    assert answers.shape == (2, 3, 2, 3, 4)
    assert all(torch.equal(answer, frames[:, -1]) for answer in answers.unbind(1))


def test_of_one_frame_linear_extrapolation_is_persistence():
    frames = history(3, 4, time=1)
    torch.testing.assert_close(linear(frames, 3), persistence(frames, 3))
