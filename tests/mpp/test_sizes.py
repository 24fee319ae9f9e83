"""Nothing that a network or a metric computes depends on the units of the fields."""

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mpp import metrics
from mpp.data.batch import Batch
from mpp.data.datamodule import PhysicsData
from mpp.evaluation.comparison import compare
from mpp.module import Network, PhysicsModule
from mpp.nn.rollout import rollout
from mpp.sizes import sizes_of

FIELDS = ["density", "pressure", "velocity_x", "still", "nothing"]
FACTORS = st.floats(-12, 12).map(lambda power: 10.0**power)
UNITS = st.lists(FACTORS, min_size=len(FIELDS), max_size=len(FIELDS))
SAME = 1e-4  # relative
LOSSES = ("square", "variance", "change")
EXAMPLES = settings(max_examples=10, deadline=None)


def fields(frames=5, closeness=0.1):
    """Frames of two samples: a field, one with an offset, a slow one, a constant, and zeros."""
    draw = torch.Generator().manual_seed(0)
    shape = (2, frames, 8, 8)
    first = torch.randn(2, 1, 8, 8, generator=draw)
    density, pressure, velocity = (
        first.roll(shift, 3) + closeness * torch.randn(shape, generator=draw).cumsum(1)
        for shift in range(3)
    )
    still, nothing = torch.full(shape, 5.3), torch.zeros(shape)
    return torch.stack([density, 10 + pressure, velocity, still, nothing], 2)


def batch(factors, closeness=0.1):
    """Windows in some units, with the sizes that their data set has."""
    frames = fields(closeness=closeness) * torch.tensor(factors).view(-1, 1, 1)
    rows = torch.arange(len(FIELDS))
    sizes = sizes_of([frames])
    return Batch(frames[:, :3], frames[:, 3:], rows, ("periodic", "wall"), 0, sizes)


def module(loss="square", target="change", legacy=False):
    """A network whose branches all count."""
    torch.manual_seed(1)
    network = Network([16, 1, 2], [4], target=target, legacy=legacy, layer_scale=1.0, drop_path=0.0)
    return PhysicsModule(FIELDS, network, loss).eval()


ONES = [1.0] * len(FIELDS)


@pytest.mark.parametrize("target", ["change", "next"])
@given(factors=UNITS)
@EXAMPLES
def test_a_network_predicts_a_field_in_its_unit(target, factors):
    own, scale = module(target=target), torch.tensor(factors).view(-1, 1, 1)
    one, other = batch(ONES), batch(factors)
    with torch.no_grad():
        expected = rollout(own, one.frames, one.fields, one.boundaries, 2)
        found = rollout(own, other.frames, other.fields, other.boundaries, 2)
    size = expected.abs().amax((0, 1, 3, 4)).view(-1, 1, 1)
    assert ((found / scale - expected).abs() <= SAME * size).all()
    assert (found[:, :, 3] == found[:, :1, 3, :1, :1]).all()  # the constant remains one
    assert (found[:, :, 4] == 0).all()


@pytest.mark.parametrize("loss", LOSSES)
@given(factors=UNITS)
@EXAMPLES
def test_a_loss_and_its_gradient_do_not_depend_on_units(loss, factors):
    own = module(loss)
    found = []
    for given_batch in (batch(ONES), batch(factors)):
        value = own.loss(given_batch)
        gradient = torch.autograd.grad(value, own.model.head.kernel)[0]
        found.append((value.detach(), gradient))
    (value, gradient), (other, other_gradient) = found
    assert value.isfinite()
    assert other.item() == pytest.approx(value.item(), rel=SAME)
    assert (other_gradient - gradient).abs().max() <= SAME * gradient.abs().max()


@given(factors=UNITS, known=st.booleans())
@EXAMPLES
def test_errors_do_not_depend_on_units(factors, known):
    found = []
    for given_batch in (batch(ONES), batch(factors)):
        truth, sizes = given_batch.target, given_batch.sizes if known else None
        prediction, before = truth * 1.1, given_batch.frames[:, -1]
        found.append(
            [
                metrics.nrmse(prediction, truth, sizes),
                metrics.vrmse(prediction, truth, sizes),
                metrics.spectral_error(prediction, truth, sizes),
                metrics.drift(prediction, before, sizes),
            ]
        )
    for one, other in zip(*found, strict=True):
        assert one.isfinite().all()
        torch.testing.assert_close(other, one, rtol=SAME, atol=1e-6)  # of fp32 data


@given(factors=UNITS)
@settings(max_examples=5, deadline=None)
def test_baselines_and_the_whole_comparison_do_not_depend_on_units(factors):
    data = PhysicsData(simulate=[{"system": "burgers", "frames": 24, "shape": [8]}])
    description = data.sources["burgers"].description._replace(conserved=("density",))
    parts = tuple(description.components[0]._replace(name=name) for name in FIELDS)
    description = description._replace(components=parts)
    own = module()

    def answer(batch):
        return rollout(own, batch.frames, batch.fields, batch.boundaries, batch.target.shape[1])

    one, other = (
        compare("s", description, [given_batch], answer).numbers()
        for given_batch in (batch(ONES), batch(factors))
    )
    assert any("baseline_linear" in key for key in one)
    assert other == pytest.approx(one, rel=SAME, abs=1e-6)


@pytest.mark.parametrize("closeness", [1.0, 1e-3, 1e-5])
def test_close_frames_do_not_end_the_loss_of_the_change(closeness):
    """Persistence has a loss of 1, however near the next frame is."""
    own, given_batch = module("change"), batch(ONES, closeness)
    target, before = given_batch.target[:, 0], given_batch.frames[:, -1]
    found = own.relative(before, target, before, given_batch.sizes)[:, [0, 2]]
    torch.testing.assert_close(found, torch.ones(2, 2), rtol=1e-3, atol=0)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_field_that_is_constant_or_zero_has_no_weight_without_bound(loss):
    own, given_batch = module(loss), batch(ONES)
    value = own.loss(given_batch)
    value.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in own.parameters())
    predicted = own(given_batch.frames, given_batch.fields, given_batch.boundaries)
    target, before = given_batch.target[:, 0], given_batch.frames[:, -1]
    assert own.relative(predicted, target, before, given_batch.sizes)[:, 3:].max() < 1e-4


def write(path, factors):
    """A file of PDEBench's compressible flow, in some units."""
    draw = np.random.default_rng(0)
    first = draw.standard_normal((4, 8, 1, 12, 12))
    steps = 0.2 * draw.standard_normal((4, 8, 8, 12, 12)).cumsum(2)
    offsets = np.array([0, 0, 3, 8]).reshape(1, 4, 1, 1, 1)
    frames = (first[:, :4].repeat(8, 2)[:, :4] + steps[:, :4] + offsets).astype(np.float32)
    with h5py.File(path, "w") as file:
        for number, name in enumerate(("Vx", "Vy", "density", "pressure")):
            file[name] = frames[:, number] * np.float32(factors[number])
        for axis in "xy":
            file[f"{axis}-coordinate"] = np.arange(12, dtype=np.float32) / 12
        file["t-coordinate"] = np.arange(9, dtype=np.float32)
    return str(path)


@pytest.mark.parametrize("factors", [[1e-6] * 4, [1e-12, 1e12, 1e5, 1e-9]])
def test_a_file_in_si_units_has_the_errors_of_one_of_size_1(tmp_path, factors):
    torch.manual_seed(0)
    options = {"history": 2, "test_horizon": 2, "batch_size": 2, "steps": 2}
    numbers, losses = [], []
    for name, units in (("ones", [1.0] * 4), ("si", factors)):
        (tmp_path / name).mkdir()  # the name of the file is in the ids, which decide the splits
        path = write(tmp_path / name / "flow_periodic.h5", units)
        data = PhysicsData([{"path": path, "name": "flow"}], **options)
        torch.manual_seed(1)
        own = PhysicsModule(data.fields, Network([16, 1, 2], [4], layer_scale=1.0)).eval()

        def answer(batch, own=own):
            with torch.no_grad():
                return rollout(own, batch.frames, batch.fields, batch.boundaries, 2)

        (loader,) = data.test_dataloader()
        description = data.sources["flow"].description._replace(conserved=("density",))
        numbers.append(compare("flow", description, loader, answer).numbers())
        losses.append([own.loss(batch).item() for batch in data.train_dataloader()])
    assert numbers[1] == pytest.approx(numbers[0], rel=SAME, abs=1e-6)
    assert losses[1] == pytest.approx(losses[0], rel=SAME)
    assert numbers[0]["flow/nrmse/step1/density/baseline_persistence"] > 1e-3
