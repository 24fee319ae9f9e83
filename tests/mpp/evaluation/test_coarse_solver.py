import numpy as np
import pytest
import torch

from mpp.data.batch import Batch
from mpp.data.simulated import Simulated
from mpp.evaluation.coarse_solver import coarse_solvers, resampled
from mpp.evaluation.comparison import compare
from mpp.simulate.initial_states import centers


def wave(points, boundary):
    turns = 2 if boundary == "periodic" else 1
    return 0.3 + np.cos(turns * np.pi * centers(points))


@pytest.mark.parametrize("boundary", ["periodic", "wall", "open"])
@pytest.mark.parametrize(("old", "new"), [(16, 8), (8, 16), (12, 9), (9, 12), (8, 8)])
def test_a_wave_that_both_grids_resolve_is_resampled_exactly(boundary, old, new):
    field = wave(old, boundary)[:, None] * wave(10, "wall")
    wanted = wave(new, boundary)[:, None] * wave(10, "wall")
    found = resampled(field[None], (new, 10), (boundary, "wall"))[0]
    assert np.abs(found - wanted).max() < 1e-12


@pytest.mark.parametrize("boundary", ["periodic", "open"])
def test_resampling_keeps_the_mean_of_any_field(boundary):
    noise = np.random.default_rng(0).normal(size=(3, 16, 12))
    for shape in ((8, 6), (20, 30)):
        coarse = resampled(noise, shape, (boundary, boundary))
        assert coarse.mean((1, 2)) == pytest.approx(noise.mean((1, 2)), abs=1e-12)


def first_windows(source, steps=2):
    every = np.stack([source.read(number, 0, 1 + steps) for number in range(len(source))])
    frames, rows = torch.from_numpy(every), torch.arange(every.shape[2])
    return Batch(frames[:, :1], frames[:, 1:], rows, source.description.boundaries, 0)


def test_more_points_solve_better_and_both_beat_persistence():
    source = Simulated("diffusion_reaction", 3, options={"shape": [32, 32], "frames": 3})
    solvers = coarse_solvers(source)
    assert list(solvers) == ["solver_16x16", "solver_24x24"]
    found = compare(
        "s", source.description, [first_windows(source)], lambda b: 0 * b.target, solvers
    )
    coarse, finer, still = (
        found.errors["nrmse"][method].max()
        for method in ("solver_16x16", "solver_24x24", "persistence")
    )
    assert finer < 0.5 * coarse < 0.1 * still
    assert found.best_baseline("nrmse", slice(2))[0] == "solver_24x24"
    assert found.cost.keys() == {"model", *solvers}
    assert min(found.cost.values()) > 0


def test_parameters_that_the_run_changed_are_those_of_the_solver():
    options = {"shape": [32, 32], "frames": 3, "parameters": {"decay": 0.2}}
    source = Simulated("diffusion_reaction", 2, options=options)
    usual = Simulated("diffusion_reaction", 2, options={**options, "parameters": None})
    batch = first_windows(source)
    right, wrong = (coarse_solvers(one)["solver_24x24"](batch) for one in (source, usual))
    error = (right - batch.target).norm()
    assert error < 0.5 * (wrong - batch.target).norm()


def test_a_jump_gives_no_negative_depth():
    options = {"shape": [32, 32], "frames": 3, "parameters": {"inner": 200.0}}
    source = Simulated("dam_break", 2, options=options)
    batch = first_windows(source)
    start = resampled(batch.frames[:, -1].double().numpy(), (16, 16), ("open", "open"))
    assert start[:, 0].min() < 0  # what the modes alone would give
    for predict in coarse_solvers(source).values():
        assert predict(batch).isfinite().all()


def test_grids_that_are_small_already_have_no_coarser_one():
    source = Simulated("diffusion_reaction", 1, options={"shape": [12, 12], "frames": 3})
    assert list(coarse_solvers(source)) == ["solver_9x9"]


def test_data_of_another_origin_have_no_solver():
    source = Simulated("burgers", 1, options={"shape": [32], "frames": 3})
    source.made_by = None
    assert coarse_solvers(source) == {}
