import re
import signal
import sys

import minimal
import pytest
import torch
from minimal import PROJECT, MinimalData, MinimalModule
from torch import nn
from trainers import silent_trainer

from sciformer.cli.main import run
from sciformer.training.callbacks.nonfinite import StopOnNonFiniteLoss
from sciformer.training.callbacks.run_record import RunRecord, peak_gib
from sciformer.training.callbacks.stopping import GracefulStop
from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.lightning_io import CheckpointFiles


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two threads share steps this small at a loss, and round otherwise than the processes do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trainer(*callbacks, **options):
    own = {"plugins": [CheckpointFiles()], "callbacks": list(callbacks), "max_steps": 4}
    return silent_trainer(**{**own, **options})


class Overflow(nn.Module):
    def forward(self, x):
        return (x.detach() * 0 + 1e38) * 100 * x


class Spoiled(MinimalModule):
    """Goes wrong at its third step, in one of many ways."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault
        self.model.extra = nn.Sequential(nn.Identity(), nn.Identity())

    def training_step(self, batch, batch_idx):
        if self.global_step == 2:
            self.before = {name: p.detach().clone() for name, p in self.named_parameters()}
            batch = self.spoil(batch)
        return super().training_step(batch, batch_idx) + self.model.extra(batch.mean).sum() * 0

    def spoil(self, batch):
        if self.fault == "parameter":
            with torch.no_grad():
                self.model.head.bias.fill_(torch.nan)
        if self.fault == "layer" and not isinstance(self.model.extra[1], Overflow):
            self.model.extra[1] = Overflow()
        return batch

    def on_train_batch_start(self, batch, batch_idx):
        if self.fault == "batch" and self.global_step == 2:
            batch.x[0, 1, 2] = torch.inf


@pytest.mark.parametrize(
    ("fault", "culprit"),
    [
        ("batch", "batch.x"),
        ("parameter", "parameter model.head.bias"),
        ("layer", "output of model.extra.1"),
    ],
)
def test_a_loss_that_is_not_finite_names_step_and_first_tensor(fault, culprit):
    with pytest.raises(FloatingPointError, match=rf"loss is nan at step 2 .*: {culprit};"):
        trainer(StopOnNonFiniteLoss()).fit(Spoiled(fault), MinimalData())


@pytest.mark.parametrize("fault", ["batch", "layer"])
def test_a_loss_that_is_not_finite_leaves_the_weights_as_they_were(fault):
    module = Spoiled(fault)
    with pytest.raises(FloatingPointError):
        trainer(StopOnNonFiniteLoss()).fit(module, MinimalData())
    for name, parameter in module.named_parameters():
        assert torch.equal(parameter, module.before[name])
        assert torch.isfinite(parameter).all()


class Divides(MinimalModule):
    def training_step(self, batch, batch_idx):
        return super().training_step(batch, batch_idx) / 0.0


def test_a_loss_whose_own_formula_overflows_is_named_itself():
    with pytest.raises(FloatingPointError, match=r"loss is inf at step 0 .*: the loss itself;"):
        trainer(StopOnNonFiniteLoss()).fit(Divides(), MinimalData())


def test_the_search_for_a_tensor_leaves_no_hooks_behind():
    module = Spoiled("layer")
    with pytest.raises(FloatingPointError):
        trainer(StopOnNonFiniteLoss()).fit(module, MinimalData())
    assert not any(layer._forward_hooks for layer in module.modules())


class Tuples(MinimalModule):
    """Has a layer that returns more than a tensor, as attention with weights does."""

    def __init__(self):
        super().__init__()
        self.pair = Pair()

    def training_step(self, batch, batch_idx):
        return super().training_step(batch, batch_idx) + self.pair(batch.mean)[0].sum()


class Pair(nn.Module):
    def forward(self, x):
        return x / 0.0, x


def test_a_layer_that_returns_several_tensors_is_named():
    with pytest.raises(FloatingPointError, match=r"output of pair;"):
        trainer(StopOnNonFiniteLoss()).fit(Tuples(), MinimalData())


def test_finite_losses_are_let_through():
    done = trainer(StopOnNonFiniteLoss())
    done.fit(MinimalModule(), MinimalData())
    assert done.global_step == 4


def test_a_run_goes_on_counting_its_time_after_a_resume(tmp_path):
    records = [RunRecord({"seed": 3}), RunRecord({"seed": 3})]
    first = trainer(records[0], max_steps=2)
    first.fit(MinimalModule(), MinimalData())
    records[0].start = (records[0].start[0] - 1000.0, records[0].start[1] - 2000.0)
    first.save_checkpoint(tmp_path / "x.ckpt")
    second = trainer(records[1])
    second.fit(MinimalModule(), MinimalData(), ckpt_path=tmp_path / "x.ckpt", weights_only=True)
    second.save_checkpoint(tmp_path / "y.ckpt")
    before, after = (
        checkpoint.run_record(checkpoint.read(tmp_path / name)) for name in ("x.ckpt", "y.ckpt")
    )
    for unit, passed in (("cpu_s", 1000.0), ("wall_s", 2000.0)):
        assert before[unit] >= passed
        # the steps after the resume take well below a minute, and the first part counts once
        assert before[unit] < after[unit] < before[unit] + 60


def test_a_record_begins_at_the_fit_and_not_where_it_is_made():
    record = RunRecord({})
    record.start = (-1e6, -1e6)
    trainer(record, max_steps=1).fit(MinimalModule(), MinimalData())
    assert record.record()["wall_s"] < 60


def test_throughput_logs_samples_per_second_and_memory():
    done = trainer(RunRecord({}, every=2))
    done.fit(MinimalModule(), MinimalData())
    logged = done.callback_metrics
    assert logged["train/samples_per_s"] > 0
    assert logged["train/peak_memory_gib"] == pytest.approx(peak_gib(), rel=0.5)


def test_throughput_counts_samples_and_not_batches():
    class Clock(RunRecord):
        def on_train_batch_end(self, *args):
            self.since -= 100.0  # so long that what the step really takes is lost in it
            super().on_train_batch_end(*args)

    done = trainer(Clock({}, every=1))
    done.fit(MinimalModule(), MinimalData(batch_size=8))
    rate = done.callback_metrics["train/samples_per_s"]
    assert rate == pytest.approx(8 / 100, rel=0.05)  # 5 s would be a very slow step


def test_peak_memory_is_that_of_a_process_with_torch():
    assert 0.1 < peak_gib() < 64


@pytest.mark.parametrize("module", [MinimalModule, Divides], ids=["good", "failed"])
def test_signals_have_their_old_handlers_after_a_fit(module, tmp_path):
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    try:
        trainer(StopOnNonFiniteLoss(), GracefulStop(tmp_path / "x")).fit(module(), MinimalData())
    except FloatingPointError:
        assert module is Divides
    assert [signal.getsignal(number) for number in numbers] == before


class Worsens(MinimalModule):
    """Its metric is best at the first validation."""

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", float(self.global_step), batch_size=len(batch.x))


@pytest.fixture(scope="module")
def worsened(tmp_path_factory):
    """Last and best checkpoint of a run of two epochs and a half, by the command line."""
    root = tmp_path_factory.mktemp("worsened")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["minimal"])
        patch.setattr(minimal, "MinimalModule", Worsens)
        run(PROJECT, ["fit", *words(root, 20)])
    return [checkpoint.read(root / name) for name in ("last.ckpt", "best.ckpt")]


def test_the_last_checkpoint_is_the_end_of_the_run_whatever_its_metric_says(worsened):
    assert [saved["global_step"] for saved in worsened] == [20, 8]


def test_the_last_checkpoint_knows_which_one_is_the_best(worsened):
    state = worsened[0]["callbacks"]["KeepBest"]
    assert state["best_model_path"].endswith("best.ckpt")
    assert state["best_model_score"] == 8


def words(root, steps):
    return [
        *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
        *("--trainer.default_root_dir", str(root), "--trainer.max_steps", str(steps)),
        *("--data.samples", "32", "--data.batch_size", "4", "--threads", "1"),
    ]


STEPS, STOP = 40, 21  # the signal comes within the third epoch of eight steps


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The last checkpoint of a run that nobody disturbed."""
    root = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["minimal"])
        run(PROJECT, ["fit", *words(root, STEPS)])
    return checkpoint.read(root / "last.ckpt")


@pytest.mark.process
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_after_its_step_and_loses_nothing(
    number, code, start, uninterrupted, tmp_path, monkeypatch
):
    config = tmp_path / "announce.yaml"
    config.write_text(
        f"trainer: {{callbacks: [{{class_path: minimal.Announce, init_args: {{step: {STOP}}}}}]}}"
    )
    root = tmp_path / "run"
    process = start("-m", "minimal", "fit", "--config", config, *words(root, STEPS))
    assert "now\n" in iter(process.stdout.readline, "")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err
    stopped = re.search(r"stopped after step (\d+); continue with --ckpt_path (\S+)\n", err)
    assert stopped is not None
    assert checkpoint.read(stopped[2])["global_step"] == int(stopped[1]) < STEPS
    monkeypatch.setattr(sys, "argv", ["minimal"])
    run(PROJECT, ["fit", *words(root, STEPS), "--ckpt_path", stopped[2]])
    resumed = checkpoint.read(root / "last.ckpt")
    assert resumed["global_step"] == uninterrupted["global_step"] == STEPS
    for name, tensor in uninterrupted["state_dict"].items():
        assert torch.equal(tensor, resumed["state_dict"][name])
