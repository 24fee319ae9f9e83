import pytest
from minimal import MinimalData, MinimalModule
from trainers import silent_trainer

from sciformer.training.callbacks.cost import Cost


def first_step(cost, dim, batch, frozen=()):
    trainer = silent_trainer(fast_dev_run=True, callbacks=[cost])
    module = MinimalModule(dim, heads=2)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(not name.startswith(frozen))
    trainer.fit(module, MinimalData(dim=dim, batch_size=batch))
    return module


@pytest.mark.parametrize(("dim", "batch"), [(16, 4), (32, 8)])
def test_operations_are_those_of_the_matrix_products(dim, batch, capsys):
    cost, time = Cost(), 4
    first_step(cost, dim, batch)
    products = 3 * 24 * time * dim**2  # forward, and twice that backward
    attention = 4 * time**2 * dim * (1 + 2.5)  # backward computes the scores again
    assert cost.flops.get_total_flops() == batch * (products + attention + 3 * 2 * dim)
    assert f"{products + attention + 6 * dim:.3g}" in capsys.readouterr().out


def test_hours_and_memory_follow_from_rate_and_ranks(capsys):
    module = first_step(Cost(tflops=1e-6, ranks=2), 32, 8)
    parameters = sum(p.numel() for p in module.parameters())
    printed = capsys.readouterr().out
    assert f"{parameters:,}" in printed
    assert f"{16 * parameters / 2**20:,.1f} MiB" in printed
    assert f"{16 * parameters / 2 / 2**20:,.1f} MiB" in printed
    flops = 3 * 24 * 4 * 32**2 + 4 * 16 * 32 * 3.5 + 6 * 32
    assert f"{flops * 1e6 / 1e6 / 2 / 3600:.3g}" in printed


def test_a_frozen_parameter_takes_its_weight_alone(capsys):
    module = first_step(Cost(), 32, 8, frozen=("model.block.attention.",))
    sizes = {True: 0, False: 0}
    for parameter in module.parameters():
        sizes[parameter.requires_grad] += parameter.numel()
    assert min(sizes.values()) > 0
    assert f"{(16 * sizes[True] + 4 * sizes[False]) / 2**20:,.1f} MiB" in capsys.readouterr().out


def test_what_the_forward_keeps_is_counted_once_and_without_the_weights():
    small, large = Cost(), Cost()
    first_step(small, 16, 4)
    first_step(large, 16, 8)
    per_sample = [sum(cost.kept.values()) / batch for cost, batch in ((small, 4), (large, 8))]
    assert per_sample[0] == pytest.approx(per_sample[1], rel=0.02)
    tokens = 4 * 16 * 4  # bytes of one tensor of a sample's tokens
    assert 10 * tokens < per_sample[0] < 30 * tokens
