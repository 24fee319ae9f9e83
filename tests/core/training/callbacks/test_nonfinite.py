"""A loss or a gradient that is not finite ends a run before the step; no such weights are saved."""

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.plugins import MixedPrecision
from minimal import MinimalData, MinimalModule
from torch import nn

from sciformer.training.callbacks.nonfinite import StopOnNonFiniteLoss, first_non_finite
from sciformer.training.optim import MuonAdamW

QUIET = {
    **{"accelerator": "cpu", "logger": False, "enable_checkpointing": False},
    **{"enable_progress_bar": False, "enable_model_summary": False, "max_epochs": 1},
}


class Kink(LightningModule):
    """A matrix and a vector; at one batch the loss is finite and the vector's slope is not."""

    def __init__(self, optimizer=torch.optim.AdamW, slope=float("nan"), at=2, lr=1e-3):
        super().__init__()
        self.matrix, self.vector = nn.Parameter(torch.eye(3)), nn.Parameter(torch.ones(3))
        self.optimizer, self.slope, self.at, self.lr = optimizer, slope, at, lr
        self.seen = []

    def training_step(self, batch, batch_idx):
        self.seen.append(self.vector.detach().clone())
        if batch_idx >= self.at:
            self.vector.register_hook(lambda grad: grad.index_fill(0, torch.tensor(1), self.slope))
        return ((self.matrix @ batch["x"].T) ** 2).mean() + self.vector.square().sum()

    def configure_optimizers(self):
        if self.optimizer is MuonAdamW:
            return MuonAdamW([{"params": [self.matrix]}], [{"params": [self.vector]}])
        return self.optimizer(self.parameters(), lr=self.lr)


def batches(count=6):
    source = torch.Generator().manual_seed(0)
    return [{"x": torch.randn(2, 3, generator=source)} for _ in range(count)]


def fit(module, **options):
    callbacks = options.pop("callbacks", [StopOnNonFiniteLoss()])
    trainer = Trainer(**QUIET | options, callbacks=callbacks)
    trainer.fit(module, torch.utils.data.DataLoader(batches(), batch_size=None))
    return trainer


def assert_untouched(module):
    """The weights are those with which the last step began."""
    assert torch.equal(module.vector.detach(), module.seen[-1])
    assert all(p.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD, MuonAdamW])
@pytest.mark.parametrize(
    "clip",
    [{}, {"gradient_clip_val": 1.0}, {"gradient_clip_val": 1, "gradient_clip_algorithm": "value"}],
    ids=["unclipped", "norm", "value"],
)
def test_a_gradient_that_is_nan_stops_before_the_step(clip, optimizer):
    module = Kink(optimizer)
    line = r"not finite at step 2 on rank 0, though the loss is; the first such parameter: vector; "
    with pytest.raises(FloatingPointError, match=line):
        fit(module, **clip)
    assert len(module.seen) == 3
    assert_untouched(module)


def test_with_accumulated_gradients_the_step_is_not_taken_either():
    module = Kink(at=2)
    with pytest.raises(FloatingPointError, match="at step 1 on rank 0"):
        fit(module, accumulate_grad_batches=2)
    assert_untouched(module)


def test_numbers_whose_norm_overflows_stop_as_well():
    with pytest.raises(FloatingPointError, match="its norm is, though none of its numbers"):
        fit(Kink(slope=1e30))


class OwnClipping(Kink):
    """Clips by itself, as a module may."""

    def configure_gradient_clipping(self, optimizer, gradient_clip_val, gradient_clip_algorithm):
        self.clip_gradients(optimizer, 0.5, "norm")


def test_a_module_that_clips_by_itself_is_looked_after():
    with pytest.raises(FloatingPointError, match="parameter: vector"):
        fit(OwnClipping())


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, MuonAdamW])
def test_clipping_gives_the_very_weights_that_it_gives_without_the_guard(optimizer):
    plain, guarded = Kink(optimizer, at=99), Kink(optimizer, at=99)
    fit(plain, gradient_clip_val=0.1, callbacks=[])
    fit(guarded, gradient_clip_val=0.1)
    for ours, theirs in zip(guarded.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def half(scale):
    """fp16 with a scaler; on a CPU Lightning would take bf16."""
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    return {"plugins": [MixedPrecision("16-mixed", "cpu", scaler)]}


@pytest.mark.parametrize("clip", [None, 1.0])
def test_the_infinities_of_a_scale_that_is_too_high_are_left_to_the_scaler(clip):
    module = Kink(slope=float("inf"), at=2)
    trainer = fit(module, gradient_clip_val=clip, **half(2.0**16))
    assert trainer.precision_plugin.scaler.get_scale() < 2.0**16
    assert all(p.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("clip", [None, 1.0])
def test_what_no_scale_helps_against_ends_the_run(clip):
    with pytest.raises(FloatingPointError, match="parameter: vector"):
        fit(Kink(at=2), gradient_clip_val=clip, **half(1.0))


def test_weights_that_a_step_has_made_infinite_are_not_saved(tmp_path):
    module = Kink(at=99, lr=float("inf"))
    trainer = fit(module, limit_train_batches=1)
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"the last good one")
    line = "weights are not finite after step 1 and were not saved; the first such parameter: matr"
    with pytest.raises(FloatingPointError, match=line):
        trainer.save_checkpoint(path)
    assert path.read_bytes() == b"the last good one"


def test_a_loss_that_is_nan_is_stopped_before_its_backward():
    class Lost(Kink):
        def training_step(self, batch, batch_idx):
            return super().training_step(batch, batch_idx) * (torch.nan if batch_idx == 2 else 1)

        def on_after_backward(self):
            self.backwards = self.seen[:]

    module = Lost(at=99)
    with pytest.raises(FloatingPointError, match=r"loss is nan at step 2 .* the loss itself; "):
        fit(module)
    assert len(module.backwards) == 2
    assert_untouched(module)


def test_a_tensor_in_a_nested_batch_is_named():
    module = MinimalModule()
    batch = next(iter(MinimalData().train_dataloader()))
    module.training_step = lambda batch, index: None
    deep = {"a": [batch, {"b": torch.tensor([1.0, torch.inf])}]}
    assert first_non_finite(module, deep) == "batch.a.1.b"
