"""Finetuning: what is taken over, what moves, and at which rate."""

import sys

import pytest
import torch
import yaml
from mpp_small import NETWORK, batch, data, module, quiet

from mpp.cli import PROJECT
from mpp.convert import initial_weights
from mpp.convert.convert import convert, load
from mpp.data.batch import Batch
from mpp.evaluation.evaluate import open_run, predict
from mpp.module import Network, PhysicsModule
from mpp.nn.field_vocabulary import Vocabulary
from sciformer.arguments import with_tables
from sciformer.cli.main import run
from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.safetensors import export_safetensors

OLD = ["height", "velocity_x", "velocity_y"]
NEW = [*OLD, "activator", "inhibitor"]


@pytest.fixture
def trained(tmp_path):
    """The checkpoint of a network that knows three fields."""
    own = module(OLD)
    state = {"state_dict": own.state_dict(), "hyper_parameters": dict(own.hparams)}
    checkpoint.stamp(state, own, {})
    torch.save(state, tmp_path / "trained.ckpt")
    return own, str(tmp_path / "trained.ckpt")


def moved(own, given):
    """Names of the parameters that an optimizer step changes."""
    before = {name: p.detach().clone() for name, p in own.named_parameters()}
    (optimizer,), _ = own.configure_optimizers()
    own.loss(given).backward()
    optimizer.step()
    return {name for name, p in own.named_parameters() if not torch.equal(p, before[name])}


def held(own):
    """Names of the parameters that the optimizer has."""
    (optimizer,), _ = own.configure_optimizers()
    ids = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return {name for name, p in own.named_parameters() if id(p) in ids}


def test_known_rows_stay_and_new_fields_get_rows(trained):
    old, path = trained
    own = module(NEW, start=path, like={"activator": "height"})
    theirs, ours = old.model.state_dict(), own.model.state_dict()
    for name, tensor in theirs.items():
        grown = ours[name].shape != tensor.shape
        rows = ours[name].narrow(0 if name == "head.bias" else 1, 0, 3) if grown else ours[name]
        assert torch.equal(rows, tensor), name
    assert torch.equal(own.model.stem.field_weight[:, 3], old.model.stem.field_weight[:, 0])
    assert not torch.equal(own.model.stem.field_weight[:, 4], old.model.stem.field_weight[:, 0])


@pytest.mark.parametrize("freeze", ["nothing", "processor", "middle"])
def test_everything_that_shall_move_is_in_the_optimizer_and_moves_and_nothing_else(trained, freeze):
    """B1 of the original: its optimizer never had the rows of the fields."""
    own = module(NEW, start=trained[1], freeze=freeze)
    names = {name for name, _ in own.named_parameters()}
    rows = {"stem.field_weight", "stem.field_bias", "head.kernel", "head.bias"}
    expected = {
        "nothing": names,
        "processor": {name for name in names if ".blocks." not in name},
        "middle": {f"model.{name}" for name in rows},
    }[freeze]
    assert held(own) == expected
    assert (
        moved(
            own, batch(data(fields=NEW, mixture={"shallow_water": 0.0, "diffusion_reaction": 1.0}))
        )
        == expected
    )
    new = own.model.stem.field_weight.grad[:, 3:]
    assert (new != 0).all()


def test_pretrained_parts_have_their_own_rate(trained):
    own = module(NEW, start=trained[1], lr=0.1, pretrained_rate=0.25)
    (optimizer,), _ = own.configure_optimizers()
    rows = {id(p) for p in own.parts().fields}
    for group in optimizer.param_groups:
        mine = {id(p) in rows for p in group["params"]}
        assert mine == {group["initial_lr"] == 0.1}
        assert group["initial_lr"] in (0.1, 0.025)


def test_a_finetuned_network_needs_not_the_one_it_started_from(trained, tmp_path):
    own = module(NEW, start=trained[1], freeze="middle")
    assert "start" not in own.hparams
    again = PhysicsModule(**with_tables(PhysicsModule, own.hparams))
    again.load_state_dict(own.state_dict())


def test_converted_weights_are_a_start(tmp_path):
    import plain

    original = plain.random_weights(48, 3, 2, 6)
    export_safetensors(original, tmp_path / "original.safetensors", {})
    convert(str(tmp_path / "original.safetensors"), str(tmp_path / "ours.safetensors"))
    found = initial_weights.read(str(tmp_path / "ours.safetensors"))
    names = found.fields.with_new(["depth"])
    network = Network(drop_path=0.0, **found.settings)
    own = PhysicsModule(list(names.names), network, start=str(tmp_path / "ours.safetensors"))
    assert own.hparams["network"]["legacy"]
    opened = open_run(tmp_path / "ours.safetensors", "cpu")
    frames, fields = torch.randn(1, 3, 2, 32, 32), torch.tensor([0, 4])
    batch = Batch(frames, frames[:, :0], fields, ("periodic", "open"), 0)
    once = predict(opened.module, batch, 1)
    again = load(tmp_path / "ours.safetensors")(frames, fields, (True, False))
    torch.testing.assert_close(once[:, 0], again, atol=1e-3, rtol=1e-3)  # other sums without grad
    assert torch.equal(own.model.stem.field_weight[:, :6], found.weights["stem.field_weight"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"halo": 0}, "its halo is 1, not 0"),
        ({"fields": NEW[1:]}, "does not begin with the 3 rows"),
        ({"like": {"mass": "height"}}, "mass is no field"),
        ({"start": "none.ckpt"}, "none.ckpt: no such checkpoint"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(trained, options, message):
    given = {"fields": NEW, "start": trained[1], **options}
    with pytest.raises(ValueError, match=message):
        module(**given)


@quiet
def test_the_verb_finetunes_on_a_system_with_other_fields(trained, tmp_path, monkeypatch):
    """The network of a checkpoint, whatever the file asks for; the run can be continued alone."""
    monkeypatch.chdir(tmp_path)
    own, path = trained
    config = {
        "trainer": {"accelerator": "cpu", "devices": 1, "max_epochs": 1, "log_every_n_steps": 1},
        "model": {"size": "B", "warmup": 1, "layer_scale": 1.0, "drop_path": 0.0},
        "data": {
            "simulate": [{"system": "compressible", "count": 20, "frames": 5, "shape": [8, 8]}],
            "history": 2,
            "test_horizon": 2,
            "steps": 2,
        },
    }
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(config))
    quiet = ("--trainer.enable_progress_bar=false", "--threads=1")
    command("finetune", path, "--config=new.yaml", *quiet, "--trainer.default_root_dir=run")
    saved = checkpoint.read("run/last.ckpt")
    assert saved["hyper_parameters"]["fields"] == [*OLD, "density", "pressure"]
    assert saved["hyper_parameters"]["network"]["size"] == NETWORK["size"]
    rows = saved["state_dict"]["model.stem.field_weight"][:, :3]
    near = (rows - own.model.stem.field_weight).abs().max()
    assert 0 < near < 0.01  # two steps away from where it started
    (tmp_path / "trained.ckpt").unlink()
    command("validate", "--ckpt_path=run/last.ckpt", *quiet)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--threads=1"], "the first word is what to start from"),
        (["none.ckpt"], "none.ckpt: no such checkpoint"),
    ],
)
def test_the_verb_says_what_is_missing(words, message, capsys):
    with pytest.raises(SystemExit) as ended:
        command("finetune", *words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def command(*words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["mpp"])
        run(PROJECT, words)


def test_a_checkpoint_of_another_project_is_no_start(tmp_path):
    torch.save(
        {"sciformer": {"format": 2, "run": {}}, "state_dict": {}, "hyper_parameters": {}},
        tmp_path / "other.ckpt",
    )
    with pytest.raises(ValueError, match="not a network of mpp"):
        initial_weights.read(str(tmp_path / "other.ckpt"))
    assert Vocabulary(OLD).names == tuple(OLD)
