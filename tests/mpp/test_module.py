"""Training: the paper's loss and schedule, and what its code got wrong about them."""

import math

import pytest
import torch
from mpp_small import batch, data, module, quiet
from trainers import silent_trainer

from mpp.metrics import nrmse
from mpp.nn.rollout import rollout

FIELDS = ["height", "velocity_x", "velocity_y", "activator", "inhibitor"]


def trained(accumulate=1, **options):
    """A module of data, and both after a fit of two batches."""
    own, source = module(FIELDS, **options), data(fields=FIELDS, batch_size=2)
    trainer = silent_trainer(accumulate_grad_batches=accumulate, log_every_n_steps=1, max_epochs=1)
    trainer.fit(own, source)
    return own, source, trainer


@pytest.mark.parametrize("relative_to", ["square", "variance", "change"])
def test_the_loss_is_the_papers_squared_relative_error_of_each_sample_and_field(relative_to):
    own, given = module(FIELDS, loss=relative_to), batch(data(fields=FIELDS))
    predicted = own(given.frames, given.fields, given.boundaries)
    relative = []
    for parts in zip(predicted, given.target[:, 0], given.frames[:, -1], strict=True):
        for p, t, before in zip(*parts, strict=True):
            sizes = {"square": t, "variance": t - t.mean(), "change": t - before}
            size = sizes[relative_to].square().mean()
            relative.append((p - t).square().mean() / size)  # the floor is 1e-7 of it
    assert own.loss(given).item() == pytest.approx(torch.stack(relative).mean().item(), rel=1e-5)


def test_of_several_frames_each_is_learned_from_the_answers_before_without_their_gradient():
    own, given = module(FIELDS), batch(data(fields=FIELDS, horizon=2))
    first = own(given.frames, given.fields, given.boundaries)
    history = torch.cat([given.frames[:, 1:], first.detach().unsqueeze(1)], 1)
    second = own(history, given.fields, given.boundaries)
    now, then = given.target.unbind(1)
    apart = [own.relative(first, now, given.frames[:, -1]).mean()]
    apart.append(own.relative(second, then, now).mean())
    loss = own.loss(given)
    assert loss.item() == pytest.approx(sum(apart).item() / 2, rel=1e-6)
    expected = torch.autograd.grad(sum(apart) / 2, own.model.head.kernel)[0]
    found = torch.autograd.grad(loss, own.model.head.kernel)[0]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("accumulated", [1, 5, 7])
def test_the_rate_rises_once_and_falls_to_zero_at_the_last_batch_and_never_below(accumulated):
    """B3 and B4 of the original: a rate of -0.01 at the end, or one that swings up again."""
    own = module(FIELDS, warmup=10, steps=100)
    epoch = type("Data", (), {"batches": 50})
    given = {"accumulate_grad_batches": accumulated, "datamodule": epoch}
    own._trainer = type("Given", (), given)()
    steps = 2 * math.ceil(50 / accumulated)  # what is left over at the end of an epoch is a step
    rates = [own.rate(step) for step in range(steps + 3)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert min(rates) >= 0
    assert rates[steps - 1] > 0
    assert rates[steps] == 0


def test_options_of_the_training_are_the_optimizers_and_the_networks():
    """B5 of the original: drop-path, decay and the rate of a configuration were not used."""
    own = module(FIELDS, size=[16, 3, 2], drop_path=0.3, weight_decay=0.07, lr=0.02)
    assert [block.drop.rate for block in own.model.blocks] == pytest.approx([0, 0.15, 0.3])
    (optimizer,), _ = own.configure_optimizers()
    assert {group["initial_lr"] for group in optimizer.param_groups} == {0.02}
    for group in optimizer.param_groups:
        matrices = {parameter.ndim >= 2 for parameter in group["params"]}
        assert matrices == {group["weight_decay"] == 0.07}


@quiet
@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_loss_that_is_logged_is_that_of_a_batch_whatever_accumulates(accumulate):
    """B9 of the original: what it logged was divided by the batches of a step."""
    own, source, trainer = trained(accumulate, lr=1e-12, weight_decay=0.0)
    *_, last = source.train_dataloader()
    logged = trainer.callback_metrics["train/loss"].item()
    assert logged == pytest.approx(own.loss(last).item(), rel=1e-4)


@quiet
def test_validation_averages_over_all_windows_of_each_system():
    """B8 of the original: only the last batch counted."""
    own, source, trainer = trained()
    logged = trainer.callback_metrics
    means = []
    for loader, name in zip(source.val_dataloader(), source.systems, strict=True):
        errors = []
        with torch.no_grad():
            for given in loader:
                predicted = rollout(own, given.frames, given.fields, given.boundaries, 1)
                errors.append(nrmse(predicted, given.target))
        means.append(torch.cat(errors).mean().item())
        assert len(errors) > 1
        assert logged[f"val/nrmse/{name}"].item() == pytest.approx(means[-1], rel=1e-5)
    assert logged["val/nrmse"].item() == pytest.approx(sum(means) / 2, rel=1e-5)


@quiet
def test_data_of_more_axes_than_the_network_has_is_named():
    with pytest.raises(ValueError, match="simulated shallow_water: shape: 2 axes of space, but"):
        trained(axes=1)


@quiet
def test_a_test_gives_the_errors_of_each_system_at_each_step():
    own, source, trainer = trained()
    (found,) = [trainer.test(own, source, verbose=False)]
    merged = {name: value for part in found for name, value in part.items()}
    steps = {
        f"test/shallow_water/{metric}/step{n}" for metric in ("nrmse", "vrmse") for n in (1, 2)
    }
    assert steps < merged.keys()
    assert all(math.isfinite(value) for value in merged.values())
