"""What every project can do, in one table: a new project joins by one line."""

import csv
import json
import sys
from pathlib import Path
from typing import NamedTuple

import fit_two
import numpy as np
import pytest
import torch
import yaml

from sciformer.cli.main import run
from sciformer.cli.options import resolve
from sciformer.report.combined import Done, join
from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.export import export

CONFIGS = Path(__file__).parents[2] / "configs"


class Small(NamedTuple):
    """A project, some steps of it, and shards for some more."""

    project: str
    smoke: dict
    simulate: list[str]
    from_shards: list[str]
    steps: tuple[int, int] = (2, 2)  # of both


def smoke(name):
    return yaml.safe_load((CONFIGS / name / "smoke.yaml").read_text())


MINIMAL = {"trainer": {"accelerator": "cpu", "devices": 1, "max_steps": 2, "log_every_n_steps": 1}}
TABLE = [
    Small("minimal:PROJECT", MINIMAL, ["--samples=16"], ["--data.shards=shards"]),
    Small(
        "contextual_counting.cli:PROJECT",
        smoke("contextual_counting"),
        ["--samples=16", "--length=16", "--regions=2"],
        [
            "--data.shards=shards",
            "--data.stages=null",
            "--data.batch_size=8",
            "--data.length=16",
            "--data.regions=2",
        ],
    ),
    Small(
        "mpp.cli:PROJECT",
        smoke("mpp"),
        ["shallow_water", "--samples=20", "--frames=8", "--shape=[16,16]"],
        ["--data.simulate=null", "--data.files=[shards]"],
    ),
    Small(
        "astroclip.cli:PROJECT",
        smoke("astroclip"),
        ["--samples=60", "--size=16"],
        ["--data.shards=shards"],
        (2, 3),
    ),
    Small(
        "xval.cli:PROJECT",
        smoke("xval"),
        ["--set=orbits", "--samples=60"],
        ["--data.sets=null", "--data.shards=shards"],
        (3, 3),
    ),
]


@pytest.fixture(params=TABLE, ids=lambda small: small.project.split(":")[0], scope="module")
def small(request):
    return request.param


pytestmark = pytest.mark.usefixtures("here")


def command(small, *words):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["project"])
        run(resolve(small.project), [str(word) for word in words])


def fit(small, root, *words):
    """Its steps, unless the words say otherwise."""
    Path("smoke.yaml").write_text(yaml.safe_dump(small.smoke))
    quiet = ("--trainer.enable_progress_bar=false", "--threads=1")
    command(
        small, "fit", "--config=smoke.yaml", *quiet, *words, f"--trainer.default_root_dir={root}"
    )


def losses(root, column="train/loss"):
    with (Path(root) / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [float(row[column]) for row in rows if row[column]]


def weights(root):
    return checkpoint.read(Path(root) / "last.ckpt")["state_dict"]


def test_a_project_fits_and_evaluates(small):
    fit(small, "run")
    command(small, "evaluate", "run", "--out", "report")
    metrics = json.loads(Path("report/metrics.json").read_text())
    assert metrics["run"]["cpu_s"] > 0
    assert len(metrics) > 1
    page = join("All", [Done("project", Path("report"))], Path("all"), {}, "").read_text()  # a demo
    assert "</html>" in page
    assert any(
        name.startswith("project/") for name in json.loads(Path("all/metrics.json").read_text())
    )
    with pytest.raises(SystemExit, match="2"):  # what is there is not replaced unasked
        command(small, "evaluate", "run", "--out", "report")


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_a_project_fits_in_half_precision_with_its_gradients_clipped(small, precision):
    clip = "--trainer.gradient_clip_val=0.1"
    fit(small, "run", f"--trainer.precision={precision}", clip, "--trainer.max_steps=2")
    assert len(losses("run")) == 2
    assert all(torch.isfinite(torch.tensor(losses("run"))))
    assert all(tensor.isfinite().all() for tensor in weights("run").values())


def test_a_project_goes_on_from_any_step_to_the_very_same_weights(small):
    fit(small, "straight")
    fit(small, "run", "--trainer.max_steps=1")
    fit(small, "run", "--ckpt_path=auto")
    ours, theirs = weights("run"), weights("straight")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(tensor, ours[name]) for name, tensor in theirs.items())
    assert losses("run") == losses("straight")


def answers(path):
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def test_a_project_predicts_each_sample_once(small):
    fit(small, "run")
    quiet = ("--ckpt_path=run", "--config=smoke.yaml", "--trainer.enable_progress_bar=false")
    command(small, "predict", *quiet, "--out=p.npz")
    found = answers("p.npz")
    ids = {name.removesuffix("/id"): x for name, x in found.items() if name.endswith("/id")}
    assert ids
    for name, each in ids.items():
        assert len(set(each.tolist())) == len(each) > 0
        parts = [x for key, x in found.items() if key.rpartition("/")[0] == name]
        assert len(parts) > 1
        assert all(len(x) == len(each) for x in parts)


OWN = """
from {module} import {name} as Base


class Own(Base):
    def training_step(self, batch, batch_idx):
        return 2 * super().training_step(batch, batch_idx)
"""


def test_a_module_of_one_s_own_goes_through_every_verb(small, here, monkeypatch):
    base = resolve(resolve(small.project).module)
    monkeypatch.syspath_prepend(here)
    Path("own_methods.py").write_text(OWN.format(module=base.__module__, name=base.__name__))
    monkeypatch.delitem(sys.modules, "own_methods", raising=False)
    named = {"class_path": "own_methods.Own"}
    own = small._replace(smoke=small.smoke | {"model": named | small.smoke.get("model", {})})
    fit(small, "plain", "--trainer.max_steps=1")
    fit(own, "run", "--trust", "--trainer.max_steps=1")
    (norm,), (double,) = (losses(root, "train/grad_norm") for root in ("plain", "run"))
    assert double == pytest.approx(2 * norm, rel=1e-5)
    fit(own, "run", "--trust", "--trainer.max_steps=2", "--ckpt_path=last")
    assert checkpoint.read("run/last.ckpt")["global_step"] == 2
    command(own, "evaluate", "run", "--out", "report", "--model=own_methods.Own")
    words = ("--config=smoke.yaml", "--trust", "--trainer.enable_progress_bar=false")
    command(own, "predict", "--ckpt_path=run", *words, "--out=p.npz")
    assert len(answers("p.npz")) > 1
    export("run", "own.safetensors")
    for path in ("run", "own.safetensors"):
        assert type(checkpoint.load(path, base)).__name__ == "Own"


def test_a_project_writes_shards_and_fits_from_them(small):
    command(small, "simulate", "--out", "shards", "--shards", "3", *small.simulate)
    command_of_core("verify", "shards")
    fit(small, "run", *small.from_shards)
    assert checkpoint.read("run/last.ckpt")["global_step"] == small.steps[1]
    assert all(torch.isfinite(torch.tensor(losses("run"))))


def command_of_core(*words):
    core = resolve("sciformer.cli.main:main")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["sciformer"])
        core(words)


@pytest.mark.process
def test_two_ranks_of_a_project_give_the_losses_of_one(small, start, here):
    fit(small, "one", "--trainer.max_epochs=1")
    agents = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    words = ("--config=smoke.yaml", "--trainer.enable_progress_bar=false", "--threads=1")
    process = start(*agents, fit_two.__file__, small.project, here, *words)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err + out
    assert len(losses("one")) == small.steps[0]
    for strategy in ("DDP", "FSDP"):
        assert losses(strategy) == pytest.approx(losses("one"), rel=1e-5)
        norms = [losses(root, "train/grad_norm") for root in (strategy, "one")]
        assert norms[0] == pytest.approx(norms[1], rel=1e-4)  # a gradient's digits, not a loss's
    fit(small, "on", "--ckpt_path=FSDP", "--trainer.max_epochs=2", "--trainer.max_steps=4")
    assert checkpoint.read("on/last.ckpt")["global_step"] == 4


@pytest.mark.process
def test_two_ranks_predict_what_one_does(start, here):
    """Of MPP, which predicts several sets."""
    mpp = next(row for row in TABLE if row.project.startswith("mpp"))
    fit(mpp, "run")
    words = ("predict", "--ckpt_path=run", "--config=smoke.yaml", "--threads=1")
    quiet = "--trainer.enable_progress_bar=false"
    command(mpp, *words, quiet, "--out=one.npz")
    two = (
        "--trainer.devices=2",
        "--trainer.strategy={class_path: sciformer.training.strategies.DDP}",
    )
    process = start("-m", "mpp", *words, quiet, *two, "--out=two.npz")
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err + out
    one, two = answers("one.npz"), answers("two.npz")
    assert one.keys() == two.keys()
    for name, value in one.items():
        if value.dtype.kind == "U":
            assert two[name].tolist() == value.tolist()
        else:  # batches of another size round otherwise
            np.testing.assert_allclose(two[name], value, rtol=1e-4, atol=1e-5)
