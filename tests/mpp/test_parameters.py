"""Physical parameters as inputs: from files to networks, in any unit, known or not."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mpp_small import NETWORK, module
from mpp_trained import command, complaint, save

from mpp.data.datamodule import PhysicsData
from mpp.data.description import FIELDS
from mpp.data.parameters import parameter_names, parameters_of
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.readers.pdebench import PDEBench
from mpp.data.sources import open_files
from mpp.data.well_writer import write_well
from mpp.evaluation.evaluate import measure, open_data, open_run, show
from mpp.nn.conditioning import Conditioning
from mpp.nn.model import AViT
from sciformer.arguments import ArgumentError
from sciformer.training.checkpoints import checkpoint

BURGERS = {"system": "burgers", "count": 6, "frames": 8, "shape": [16], "dt": 0.01}
PLAIN = {"axes": 1, **NETWORK}


def burgers(*viscosities):
    """A system for each viscosity."""
    return [
        {**BURGERS, "name": f"nu{value}", "parameters": {"viscosity": value}}
        for value in viscosities
    ]


def waves(folder, runs=100):
    """Standing waves that start at rest: ``frame * cos(frequency * dt)`` is the next frame."""
    rng = np.random.default_rng(0)
    x = 2 * np.pi * np.arange(16) / 16
    frequency, phases = rng.uniform(0.8, 2.6, runs), rng.uniform(0, 2 * np.pi, (2, runs, 1))
    start = np.sin(x + phases[0]) + 0.5 * np.sin(2 * x + phases[1])
    times = np.arange(2)[:, None]
    u = start[:, None] * np.cos(frequency[:, None, None] * times)
    np.savez(folder / "waves.npz", u=u.astype(np.float32), omega=frequency)
    return {
        "path": str(folder / "waves.npz"),
        "fields": {"tracer": "u"},
        "axes": ["run", "time", "x"],
        "boundaries": ["periodic"],
        "dt": 1.0,
        "spacing": [0.1],
        "parameters": {"frequency": "omega"},
    }


def error_after_training(files, parameters, seed):
    """Error relative to the first frames, on test trajectories."""
    torch.manual_seed(seed)
    shares = {"train": 0.75, "val": 0, "test": 0.25}
    options = {"history": 1, "test_horizon": 1, "batch_size": 16, "steps": 150, "seed": seed}
    data = PhysicsData(files=[files], parameters=parameters, splits=shares, **options)
    known = {"parameters": data.parameters, "axes": 1, "loss": "change", "layer_scale": 0.1}
    own = module(data.fields, lr=1e-2, **known)
    own.check(data)
    (optimizer,), _ = own.configure_optimizers()
    for batch in data.train_dataloader():
        optimizer.zero_grad()
        own.loss(batch).backward()
        optimizer.step()
    (loader,) = data.test_dataloader()
    with torch.no_grad():
        parts = [(own.eval().continued(batch), batch) for batch in loader]
    wrong = sum((answer - batch.target).square().sum() for answer, batch in parts)
    return float(wrong / sum(batch.frames.square().sum() for _, batch in parts)) ** 0.5


def test_what_only_a_parameter_tells_is_learned(tmp_path):
    """Without it the best answer is the mean factor, whatever the network."""
    files = waves(tmp_path)
    untold = np.cos(np.load(files["path"])["omega"]).std()  # 0.51
    bound = untold / 3  # 0.06 and 0.09 for seeds 0 and 1
    assert error_after_training(files, ["frequency"], 0) < bound


@settings(deadline=None, max_examples=50)
@given(
    values=st.lists(st.floats(-3, 3), min_size=2, max_size=8),
    factor=st.floats(-12, 12).map(lambda power: 10**power),
    positive=st.booleans(),
)
def test_the_unit_of_a_parameter_changes_nothing(values, factor, positive):
    given = torch.tensor(values).double().round(decimals=3)[:, None]
    given = 10**given if positive else given
    found = []
    for unit in (1.0, factor):
        own = Conditioning(1, 2)
        torch.nn.init.ones_(own.weight)
        own.measure((unit * given).float())
        found.append(own.mapped((unit * given).float()))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)  # roundings of fp32 / their spread


def test_values_come_from_the_systems_and_are_nan_where_there_are_none():
    simulate = [*burgers(0.1, 0.2), {"system": "shallow_water", "count": 3, "shape": [8, 8]}]
    data = PhysicsData(simulate=simulate, parameters=["viscosity", "gravity"], history=1)
    first, second, water = (parameters_of(s, data.parameters) for s in data.sources.values())
    torch.testing.assert_close(first[0], torch.tensor([0.1, np.nan]), equal_nan=True)
    torch.testing.assert_close(second[5], torch.tensor([0.2, np.nan]), equal_nan=True)
    torch.testing.assert_close(water[2], torch.tensor([np.nan, 1.0]), equal_nan=True)
    parts = data.parts("train", 1)
    assert [len(part.parameters) for part in parts] == [6, 6, 3]
    batch = next(iter(data.train_dataloader()))
    torch.testing.assert_close(batch.parameters, first[[0] * 4], equal_nan=True)
    assert set(parameter_names(data.sources.values())) > {"viscosity", "gravity", "modes"}


def test_a_batch_and_a_network_without_parameters_are_as_before():
    data = PhysicsData(simulate=burgers(0.1), history=1)
    assert next(iter(data.train_dataloader())).parameters is None
    size = {"fields": 2, "size": (16, 1, 2), "patch": (4,), "axes": 1}
    torch.manual_seed(0)
    plain = AViT(**size).eval()
    torch.manual_seed(0)
    own = AViT(**size).condition(2).eval()
    assert set(own.state_dict()) - set(plain.state_dict()) == {
        f"conditioning.{name}" for name in ("weight", "origin", "scale", "logarithmic")
    }
    given = torch.randn(3, 2, 2, 8), torch.arange(2), ("periodic",)
    values = torch.tensor([[1.0, np.nan]] * 3)
    assert torch.equal(plain(*given), own(*given, values))  # a training starts where it would
    assert torch.equal(plain(*given), own(*given))
    with pytest.raises(ValueError, match="parameters: 2, but the network takes 0"):
        plain(*given, values)


def test_scales_are_of_the_training_and_an_unknown_value_has_its_own_row():
    own = Conditioning(3, 1)
    own.measure(torch.tensor([[1e-3, 1.0, 5.0], [1e-1, 3.0, 5.0], [np.nan, np.nan, 5.0]]))
    assert own.logarithmic.tolist() == [True, False, False]
    before = own.origin.clone()
    own.measure(torch.full((4, 3), 7.0))
    assert torch.equal(own.origin, before)  # what is known stays
    torch.nn.init.ones_(own.weight)
    own.weight.data[:, 1] = 10.0
    answers = own.mapped(torch.tensor([[1e-1, 3.0, 5.0], [0.0, np.nan, 6.0]]))[:, 0]
    torch.testing.assert_close(answers, torch.tensor([2.0, 20.2]))  # no logarithm of 0


def test_a_parameter_that_no_training_trajectory_has_is_refused_with_what_there_is():
    data = PhysicsData(simulate=burgers(0.1), parameters=["viscosty"], history=1)
    own = module(data.fields, axes=1, parameters=data.parameters)
    with pytest.raises(ArgumentError, match=r"viscosty: of no trajectory.*viscosity, modes"):
        own.check(data)


def test_a_parameter_that_changes_in_time_is_refused(tmp_path):
    source = open_files(waves(tmp_path, runs=3))[1]
    source.parameters["frequency"] = np.ones(3)
    source.scalars = lambda number: {"frequency": np.arange(3.0)}  # as The Well may have
    with pytest.raises(ArgumentError, match="3 values of a trajectory"):
        parameters_of(source, ["frequency"])


def test_parameters_in_the_name_of_a_file_of_pdebench_are_read(tmp_path):
    description = PhysicsData(simulate=[BURGERS], history=1).sources["burgers"].description
    path = tmp_path / "1D_Burgers_Sols_Nu1.e-3.hdf5"
    write_pdebench(path, "burgers", np.zeros((2, 3, 1, 16), np.float32), description)
    assert PDEBench(path).scalars(0) == {"nu": 1e-3}


def test_more_parameters_later_keep_the_trained_rows(tmp_path):
    def saved(own, name):
        state = {"state_dict": own.state_dict(), "hyper_parameters": dict(own.hparams)}
        checkpoint.stamp(state, own, {})
        torch.save(state, tmp_path / name)
        return str(tmp_path / name)

    first = saved(module(["height"]), "first.ckpt")
    own = module(["height"], start=first, parameters=["b"])
    assert not own.model.conditioning.weight.any()
    torch.nn.init.normal_(own.model.conditioning.weight)
    own.model.conditioning.measure(torch.tensor([[1.0], [2.0]]))
    second = saved(own, "second.ckpt")
    more = module(["height"], start=second, parameters=["a", "b"], freeze="middle")
    old, new = own.model.conditioning.state_dict(), more.model.conditioning.state_dict()
    assert all(torch.equal(values[1:], old[name]) for name, values in new.items())
    assert not any(values[0].any() for values in new.values())
    assert more.model.conditioning.weight.requires_grad
    with pytest.raises(ValueError, match=r"\['a'\] lacks b"):
        module(["height"], start=second, parameters=["a"])


@pytest.mark.filterwarnings("ignore:.*is in (val|test)")
def test_fit_evaluate_predict_and_finetune_take_parameters(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    quiet = ("--trainer.enable_progress_bar=false", "--threads=1", "--trainer.accelerator=cpu")
    flat = [f"--model.network.{name}={json.dumps(value)}" for name, value in PLAIN.items()]
    few = ("--data.history=1", "--data.steps=2", "--data.test_horizon=2", "--model.warmup=1")
    sets = f"--data.simulate={json.dumps(burgers(0.1, 0.01))}"
    words = (sets, *few, *quiet, *flat, "--trainer.max_epochs=1")
    wrong = complaint(capsys, "fit", "--data.parameters=[nu]", *words)
    assert "data.parameters: nu: of no trajectory of the training; there are viscosity" in wrong
    where = "--trainer.default_root_dir="
    command("fit", "--data.parameters=[viscosity]", *words, f"{where}run")
    command("predict", "--ckpt_path=run/last.ckpt", "--out=answers.npz", *quiet)
    trained = open_run("run", "cpu")
    for compared, part in measure(trained, open_data(trained, samples=2)):  # as evaluate does
        assert np.isfinite(show(trained, compared.name, part).prediction).all()
    more = ("--data.parameters=[modes]", sets, *few, *quiet, "--trainer.max_epochs=1")
    command("finetune", "run", *more, f"{where}more")
    kept = checkpoint.read("more/last.ckpt")
    assert kept["hyper_parameters"]["parameters"] == ["modes", "viscosity"]
    state = kept["state_dict"]
    assert bool(state["model.conditioning.logarithmic"][1])
    assert state["model.conditioning.weight"][1, 0].any()
    assert not state["model.conditioning.weight"][0, 0].any()  # the same in all


def test_a_rollout_takes_the_parameters_of_its_file_or_says_that_they_are_unknown(tmp_path, capsys):
    known = PhysicsData(simulate=burgers(0.1, 0.01), parameters=["viscosity"], history=1)
    own = module(FIELDS, axes=1, parameters=["viscosity"])
    own.check(known)
    torch.nn.init.normal_(own.model.conditioning.weight)
    save(tmp_path, own, simulate=burgers(0.1), parameters=["viscosity"], history=1)
    source = known.sources["nu0.1"]
    frames = np.stack([source.read(number, 0, 4) for number in range(2)])
    answers = []
    for parameters in ({"viscosity": 0.01}, {}):
        write_well(tmp_path / "b.h5", "b", frames, source.description, parameters=parameters)
        out = tmp_path / f"out{len(parameters)}"
        words = (str(tmp_path), str(tmp_path / "b.h5"), "--out", str(out))
        command("rollout", *words, "--steps=1", "--device=cpu")
        said = capsys.readouterr().err
        assert said.count("no viscosity (2): the network takes it as unknown") == (not parameters)
        answers.append(open_files(str(out / "rollout.h5"))[1].read(0, 1, 2))
    assert not np.allclose(*answers)
