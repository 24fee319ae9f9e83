"""The AViT: what it must not depend on, and what must move with the physics."""

from functools import partial

import pytest
import torch
from small_avit import FIELDS, SUMS, draw, make
from torch.utils.checkpoint import checkpoint

from mpp.nn.model import SIZES, AViT


@pytest.mark.parametrize(
    ("name", "published", "never_used"),
    [
        ("Ti", 7_285_884, 7_296),
        ("S", 28_979_436, 14_592),
        ("B", 115_608_012, 29_184),
        ("L", 407_055_628, 75_776),
    ],
)
def test_the_sizes_have_the_published_numbers_of_parameters(name, published, never_used):
    with torch.device("meta"):
        model = AViT(size=name)
    assert sum(p.numel() for p in model.parameters()) == published - never_used


@pytest.mark.parametrize("bias", ["relative", "continuous", "none"])
@pytest.mark.parametrize("tokens", [4, 5, 7, 8])
def test_a_shifted_periodic_domain_has_a_shifted_answer(tokens, bias):
    """B7 of the original: it holds for even and odd numbers of tokens."""
    model = make(bias=bias)
    frames = draw(1, 3, 2, 4 * tokens, 24)
    out = model(frames, FIELDS, ("periodic", "periodic"))
    shifted = model(frames.roll((8, -4), (3, 4)), FIELDS, (True, True))
    assert (shifted - out.roll((8, -4), (2, 3))).abs().max() <= SUMS * out.std()


@pytest.mark.parametrize("tokens", [5, 8])
def test_with_a_halo_too(tokens):
    model = make(halo=2)
    frames = draw(1, 3, 2, 4 * tokens, 16)
    out = model(frames, FIELDS, (True, "open"))
    shifted = model(frames.roll(4, 3), FIELDS, (True, "open"))
    assert (shifted - out.roll(4, 2)).abs().max() <= SUMS * out.std()
    opened = model(frames, FIELDS, (False, "open"))
    assert (opened - out).abs().max() > 100 * SUMS


def test_the_originals_distances_are_not_equivariant():
    model = make(legacy=True)
    frames = draw(1, 3, 2, 20, 32)
    out = model(frames, FIELDS, (True, True))
    shifted = model(frames.roll((4, 4), (3, 4)), FIELDS, (True, True))
    assert (shifted - out.roll((4, 4), (2, 3))).abs().max() > 1e-2


def test_an_axis_has_its_own_boundary():
    """B7: the first boundary is the height's."""
    model = make()
    frames = draw(1, 2, 2, 20, 32)
    turned = frames.transpose(3, 4)
    out = model(frames, FIELDS, (True, False))
    assert not torch.allclose(out, model(frames, FIELDS, (False, True)), atol=1e-3)
    # Kernels are not symmetric, so turn them too.
    model.stem.kernel.copy_(turn(model.stem.kernel, 2, 1))
    model.head.kernel.copy_(turn(model.head.kernel, 2, 1))
    merge, split = model.stem.merges[0].weight, model.head.splits[0].weight
    merge.copy_(turn(merge.unflatten(1, (4, -1)), 1, 2).flatten(1))
    split.copy_(turn(split.unflatten(0, (4, -1)), 0, 2).flatten(0, 1))
    out_turned = model(turned, FIELDS, (False, True))
    assert (out_turned.transpose(2, 3) - out).abs().max() <= SUMS * out.std()


def turn(kernel, axis, _):
    """Exchange the two axes of 2 x 2 points."""
    return kernel.unflatten(axis, (2, 2)).transpose(axis, axis + 1).flatten(axis, axis + 1)


def test_a_sample_does_not_see_its_batch():
    model = make()
    frames = draw(3, 4, 2, 16, 24) * torch.tensor([1.0, 50.0, 1e-3]).view(3, 1, 1, 1, 1)
    out = model(frames, FIELDS, (True, False))
    for i in range(3):
        alone = model(frames[i : i + 1], FIELDS, (True, False))
        assert (alone - out[i]).abs().max() <= SUMS * out[i].std()


def test_the_order_of_the_fields_does_not_matter():
    model = make()
    frames, fields, order = draw(1, 3, 3, 16, 16), torch.tensor([4, 1, 2]), [2, 0, 1]
    out = model(frames, fields, (True, True))
    other = model(frames[:, :, order], fields[order], (True, True))
    assert (other - out[:, order]).abs().max() <= SUMS * out.std()


def test_units_of_a_field_do_not_matter():
    """Nor where its zero is: to 1e-4, as that takes digits from the frames themselves."""
    model = make()
    frames = draw(1, 3, 2, 16, 16)
    out = model(frames, FIELDS, (True, True))
    other = model(frames * 8 + 4, FIELDS, (True, True))
    assert ((other - 4) / 8 - out).abs().max() <= 1e-4


@pytest.mark.parametrize("target", ["next", "change"])
@pytest.mark.parametrize("time", [1, 2, 5])
def test_any_length_of_history_has_an_answer(time, target):
    model = make(target=target)
    out = model(draw(2, time, 2, 8, 8), FIELDS, ("open", "wall"))
    assert out.shape == (2, 2, 8, 8)
    assert out.isfinite().all()


def test_a_network_that_gives_no_change_persists():
    model = make()
    model.head.kernel.zero_()
    model.head.bias.zero_()
    frames = draw(2, 3, 2, 16, 16)
    assert torch.equal(model(frames, FIELDS, (True, True)), frames[:, -1])


def test_a_change_is_measured_in_changes():
    """Ten times slower is a tenth of the change, to the digits that the last frame leaves."""
    model = make()
    last, change = draw(1, 1, 2, 16, 16, seed=1), 1e-2 * draw(1, 1, 2, 16, 16, seed=2)
    answers = []
    for speed in (1.0, 0.1):
        frames = torch.cat([last - speed * change, last], 1).double()
        answers.append((model(frames, FIELDS, (True, True)) - last[:, 0]).square().mean().sqrt())
    assert answers[1] / answers[0] == pytest.approx(0.1, rel=0.05)


def test_uniform_frames_stay_finite():
    """The original divides by the deviation of each stage, which is zero here."""
    frames = torch.tensor([1.1, -3e4]).view(1, 1, 2, 1, 1).expand(1, 3, 2, 32, 32)
    model = make(patch=(4, 2, 2)).requires_grad_(True)
    out = model(frames, FIELDS, (True, False))
    assert torch.equal(out, frames[:, -1])  # no change before, none to come
    model = make(patch=(4, 2, 2), target="next").requires_grad_(True)
    out = model(frames, FIELDS, (True, False))
    out.sum().backward()
    assert out.isfinite().all()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("size", [(16, 24), (4, 8), (4, 4)])
def test_every_parameter_is_used(size):
    """B12 of the original: its networks keep parameters that never get a gradient."""
    model = make(axes=2, halo=1).requires_grad_(True)
    model(draw(1, 3, 2, *size), FIELDS, (True, False)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_rows_of_absent_fields_do_not_move():
    model = make().requires_grad_(True)
    model(draw(1, 2, 2, 16, 16), FIELDS, (True, True)).square().sum().backward()
    absent = [1, 2, 4]
    assert not model.stem.field_weight.grad[:, absent].any()
    assert not model.head.kernel.grad[:, absent].any()
    assert model.head.kernel.grad[:, FIELDS].all()


def test_a_row_below_zero_is_refused():
    """B14 of the original: an unknown field silently took the last row."""
    with pytest.raises((IndexError, RuntimeError), match="out of"):
        make()(draw(1, 2, 1, 8, 8), torch.tensor([-1]), (True, True))


def test_drop_path_drops_samples_not_frames():
    """B12: all frames of a sample keep a branch or lose it together."""
    block = make(drop_path=0.5).blocks[1]
    x = draw(64, 3, 4, 32)
    torch.manual_seed(0)
    out = block.drop.train()(x)
    kept = (out != 0).flatten(1)
    assert (kept.all(1) | ~kept.any(1)).all()
    assert 16 < kept.all(1).sum() < 48
    assert torch.equal(out[kept.all(1)], 2 * x[kept.all(1)])


def test_drop_path_is_what_it_was_set_to():
    """B5 of the original: 0.2 whatever was asked for."""
    rates = [block.drop.rate for block in make((32, 3, 2), drop_path=0.1).blocks]
    assert rates == [0.0, 0.05, 0.1]


def test_bf16_autocast_is_near_fp32():
    model = make((64, 3, 2)).requires_grad_(True)
    frames = draw(1, 4, 2, 32, 32)
    grads, outs = [], []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            out = model(100 + frames, FIELDS, (True, False))
        assert out.dtype == torch.float32
        model.zero_grad()
        (out - 100).square().mean().backward()
        outs.append(out.detach() - 100)
        grads.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert (outs[1] - outs[0]).std() <= 0.03 * outs[0].std()  # 8 bits, three blocks deep
    assert (grads[1] - grads[0]).norm() <= 0.1 * grads[0].norm()


@pytest.mark.parametrize("half", [False, True])
def test_a_moving_wave_is_learned(half):
    """In bf16 autocast too; persistence has a loss of 1 in these units."""
    model = make((32, 1, 2), drop_path=0.0).requires_grad_(True).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    point, step = torch.arange(16) * (2 * torch.pi / 16), torch.arange(4).view(1, 4, 1)
    losses = []
    for seed in range(60):
        phase, speed = draw(2, 4, 1, 1, seed=seed)
        wave = (point + 3 * phase + (0.4 + 0.1 * speed) * step).sin()  # (sample, time, x)
        frames = wave[:, :, None, :, None].expand(-1, -1, -1, -1, 4)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            out = model(frames[:, :3], FIELDS[:1], (True, True))
        change = (frames[:, 3] - frames[:, 2]).square().mean()
        loss = (out - frames[:, 3]).square().mean() / change
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.4


def test_recomputed_blocks_have_the_same_gradients():
    model = make().requires_grad_(True)
    frames, grads = draw(1, 3, 2, 16, 16), []
    for again in (False, True):
        if again:
            for block in model.blocks:
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)
        model.zero_grad()
        model(frames, FIELDS, (True, False)).square().sum().backward()
        grads.append([p.grad.clone() for p in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))


def test_a_training_after_an_evaluation_works():
    """What is kept of distances must not be an inference tensor."""
    model = make(patch=(2,)).requires_grad_(True)
    frames = draw(1, 11, 2, 26, 22)  # lengths of no other test
    with torch.inference_mode():
        model(frames, FIELDS, (True, False))
    model(frames, FIELDS, (True, False)).sum().backward()


def test_the_names_of_sizes_are_the_papers():
    assert list(SIZES) == ["Ti", "S", "B", "L"]
