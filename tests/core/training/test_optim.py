import copy

import pytest
import torch
from torch import nn
from torch.optim import AdamW, Muon, _muon
from torch.optim.lr_scheduler import LambdaLR

from sciformer.training.optim import (
    MuonAdamW,
    adamw,
    batches_before,
    decay_groups,
    orthogonalize,
    warmup_cosine,
)

BETAS = (0.9, 0.98)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Linear(7, 3))


def split(model):
    matrices = [p for p in model.parameters() if p.ndim == 2]
    return matrices, [p for p in model.parameters() if p.ndim != 2]


def joined(model):
    matrices, others = split(model)
    return MuonAdamW(
        [{"params": matrices, "lr": 0.02}], [{"params": others}], lr=1e-3, weight_decay=0.1
    )


def train(model, optimizers, steps, first=0, schedulers=()):
    for step in range(first, first + steps):
        source = torch.Generator().manual_seed(step)
        loss = model(torch.randn(4, 5, generator=source)).square().mean()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for stepped in (*optimizers, *schedulers):
            stepped.step()


def assert_equal(ours, theirs):
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, other)


@pytest.fixture
def muon_in_fp32(monkeypatch):
    """Let torch's Muon orthogonalize as ours does, which then takes the very same steps."""
    monkeypatch.setattr(_muon, "_zeropower_via_newtonschulz", lambda grad, *_: orthogonalize(grad))


@pytest.mark.usefixtures("muon_in_fp32")
def test_muon_adamw_takes_exactly_the_steps_of_muon_and_adamw_side_by_side():
    ours, theirs = network(), network()
    matrices, others = split(theirs)
    muon = Muon(matrices, lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="original")
    other = AdamW(others, lr=1e-3, betas=BETAS, weight_decay=0.1, fused=True)
    train(ours, [joined(ours)], 5)
    train(theirs, [muon, other], 5)
    assert_equal(ours, theirs)


def test_in_bf16_muon_adamw_takes_the_steps_of_torchs_own_muon():
    ours, theirs, wide = network(), network(), network()
    matrices, others = split(theirs)
    muon = Muon(matrices, lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="original")
    other = AdamW(others, lr=1e-3, betas=BETAS, weight_decay=0.1, fused=True)
    mine, rest = split(ours)
    groups = [{"params": mine, "lr": 0.02}], [{"params": rest}]
    narrow = MuonAdamW(*groups, lr=1e-3, weight_decay=0.1, precision=torch.bfloat16)
    train(ours, [narrow], 5)
    train(theirs, [muon, other], 5)
    train(wide, [joined(wide)], 5)
    for own, given, exact in zip(*(m.parameters() for m in (ours, theirs, wide)), strict=True):
        assert torch.allclose(own, given, atol=1e-4)  # torch orders the operations differently
        if own.ndim == 2:
            assert (own - exact).abs().max() > 1e-4


def test_muon_adamw_goes_on_bit_for_bit_from_its_state():
    straight = network()
    train(straight, [joined(straight)], 6)
    model = network()
    optimizer = joined(model)
    train(model, [optimizer], 3)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    resumed = network()
    fresh = joined(resumed)
    resumed.load_state_dict(saved[0])
    fresh.load_state_dict(saved[1])
    train(resumed, [fresh], 3, first=3)
    assert_equal(resumed, straight)


@pytest.mark.usefixtures("muon_in_fp32")
def test_a_schedule_of_muon_adamw_acts_on_both():
    ours, theirs = network(), network()
    optimizer = joined(ours)
    matrices, others = split(theirs)
    muon = Muon(matrices, lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="original")
    other = AdamW(others, lr=1e-3, betas=BETAS, weight_decay=0.1, fused=True)
    fast, slow = (lambda step: 0.5**step), (lambda step: 1 / (1 + step))
    schedule = LambdaLR(optimizer, [fast, slow])
    train(ours, [optimizer], 4, schedulers=[schedule])
    train(theirs, [muon, other], 4, schedulers=[LambdaLR(muon, fast), LambdaLR(other, slow)])
    assert_equal(ours, theirs)


def test_a_schedule_still_acts_after_the_state_was_loaded():
    model = network()
    optimizer = joined(model)
    optimizer.load_state_dict(joined(network()).state_dict())
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    before = copy.deepcopy(model)
    train(model, [optimizer], 1)
    assert_equal(model, before)


def test_muon_adamw_evaluates_a_closure_once_and_returns_its_loss():
    model = network()
    calls = []

    def closure():
        loss = model(torch.ones(1, 5)).sum()
        loss.backward()
        calls.append(loss)
        return loss

    assert joined(model).step(closure) is calls[0]
    assert len(calls) == 1


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (4, 4), (1, 6)])
def test_orthogonalizing_moves_singular_values_alone(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    values /= values.norm()
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    torch.testing.assert_close(orthogonalize(matrix), u @ values.diag() @ v, rtol=0, atol=1e-12)


def test_orthogonalizing_is_what_torch_does_in_bf16():
    matrix = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    settings = (3.4445, -4.7750, 2.0315), 5, 1e-7
    theirs = _muon._zeropower_via_newtonschulz(matrix.clone(), *settings)
    # 2^-8 per product, some twenty of them, of numbers around 0.4
    torch.testing.assert_close(orthogonalize(matrix), theirs.float(), rtol=0, atol=0.03)


def test_on_a_cpu_half_precision_is_orthogonalized_in_fp32():
    matrix = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert torch.equal(orthogonalize(matrix), orthogonalize(matrix.float()))


def test_adamw_leaves_the_loss_scale_to_the_scaler():
    optimizer = adamw([{"params": [nn.Parameter(torch.ones(2))]}], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    (parameter,) = optimizer.param_groups[0]["params"]
    scaler.scale(parameter.sum()).backward()
    scaler.unscale_(optimizer)
    assert parameter.grad.tolist() == [1.0, 1.0]
    scaler.step(optimizer)
    assert parameter.tolist() == [pytest.approx(0.0, abs=1e-6)] * 2


def test_muon_refuses_a_vector():
    with pytest.raises(ValueError, match="2D"):
        MuonAdamW([{"params": [nn.Parameter(torch.ones(3))]}], [])


def test_decay_groups_hold_each_trained_parameter_once():
    model = network()
    model[0].bias.requires_grad = False
    groups = decay_groups(model.parameters(), 0.1)
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters() if p.requires_grad)


def test_only_matrices_decay():
    decaying, rest = decay_groups(network().parameters(), 0.1)
    assert (decaying["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)
    assert {p.ndim for p in decaying["params"]} == {2}
    assert {p.ndim for p in rest["params"]} == {1}


@pytest.mark.parametrize(
    ("step", "factor"),
    [(0, 1 / 10), (9, 1.0), (10, 1.0), (55, 0.5), (100, 0.0), (1000, 0.0)],
)
def test_warmup_cosine_rises_to_one_and_falls_to_zero(step, factor):
    assert warmup_cosine(step, 100, 10) == pytest.approx(factor, abs=1e-15)


@pytest.mark.parametrize(("step", "steps", "warmup"), [(0, 1, 0), (0, 5, 0), (5, 5, 5)])
def test_warmup_cosine_is_one_where_the_cosine_begins(step, steps, warmup):
    assert warmup_cosine(step, steps, warmup) == 1.0


@pytest.mark.parametrize(
    ("accumulated", "seen"), [(1, [0, 1, 2, 3, 4, 5, 6, 7]), (2, [0, 2, 4, 5, 7, 9]), (9, [0, 5])]
)
def test_an_epoch_ends_with_a_step_however_few_batches_have_accumulated(accumulated, seen):
    assert [batches_before(step, 5, accumulated) for step in range(len(seen))] == seen
