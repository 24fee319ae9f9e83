"""What holds for every system in the registry."""

import numpy as np
import pytest

from mpp.simulate import SYSTEMS, system

SMALL = {1: (32,), 2: (16, 12)}


def small(name, samples, first=0, seed=0, **options):
    shape = SMALL[len(SYSTEMS[name].shape)]
    return SYSTEMS[name].simulate(seed, samples, first, frames=3, shape=shape, **options)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_trajectory_is_the_same_however_many_are_drawn_together(name):
    together = small(name, 5)
    alone = np.concatenate([small(name, 1, first) for first in range(5)])
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("name", SYSTEMS)
def test_another_seed_and_another_number_give_another_trajectory(name):
    first, second = small(name, 2)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, small(name, 1, seed=1)[0])


@pytest.mark.parametrize("name", SYSTEMS)
def test_arrays_are_what_the_registry_says(name):
    out, about = small(name, 2), SYSTEMS[name]
    assert out.dtype == np.float32
    assert out.shape == (2, 3, len(about.fields), *SMALL[len(about.shape)])
    assert np.isfinite(out).all()
    assert len(about.shape) == len(about.boundaries) == len(about.extent)
    assert len({field.name for field in about.fields}) == len(about.fields)


@pytest.mark.parametrize("name", SYSTEMS)
def test_longer_trajectories_begin_like_shorter_ones(name):
    assert np.array_equal(
        small(name, 1)[:, :3],
        SYSTEMS[name].simulate(0, 1, frames=4, shape=SMALL[len(SYSTEMS[name].shape)])[:, :3],
    )


@pytest.mark.parametrize("name", [n for n in SYSTEMS if n != "diffusion_reaction_noise"])
def test_neither_rest_nor_constant_speed_predicts_the_default_regime(name):
    out = SYSTEMS[name].simulate(0, 2, shape=SMALL[1] if name == "burgers" else (32, 32))
    out = out.astype(float)
    axes = tuple(range(3, out.ndim))
    error = ((out[:, 2:] - out[:, 1:-1]) ** 2).mean(axes) / out[:, 2:].var(axes)
    curved = ((out[:, 2:] - 2 * out[:, 1:-1] + out[:, :-2]) ** 2).mean(axes)
    curved /= out[:, 2:].var(axes)
    assert (np.sqrt(error).mean((0, 1)) > 0.15).all()  # 0.2 over more of them: the benchmark
    assert (np.sqrt(curved).mean((0, 1)) > 0.1).all()


def test_a_parameter_takes_the_type_of_its_default():
    one = small("shallow_water", 1, parameters={"gravity": 2, "modes": 3.0})
    assert np.array_equal(one, small("shallow_water", 1, parameters={"gravity": 2.0, "modes": 3}))


def test_two_systems_do_not_start_from_the_same_random_fields():
    water = system("shallow_water").simulate(0, 1, frames=1)[0, 0, 1]
    gas = system("compressible").simulate(0, 1, frames=1)[0, 0, 1]
    assert abs(np.corrcoef(water.ravel(), gas.ravel())[0, 1]) < 0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: system("plasma"), "system: 'plasma' is none of shallow_water"),
        (lambda: small("burgers", 0), "samples: 0 is "),
        (lambda: small("burgers", 1, seed=-1), "seed: -1 is "),
        (
            lambda: small("burgers", 1, parameters={"nu": 1.0}),
            "nu: no parameter of burgers, which has visc",
        ),
        (lambda: system("burgers").simulate(0, 1, shape=(4,)), r"shape: \(4,\)"),
        (lambda: system("dam_break").simulate(0, 1, shape=(64,)), r"shape: \(64,\)"),
        (lambda: system("dam_break").simulate(0, 1, frames=0), "frames: 0 is "),
        (lambda: small("compressible", 1, parameters={"eta": -1.0}), "eta: -1.0 is "),
        (lambda: small("incompressible", 1, parameters={"modes": 9}), "modes: 9 is "),
        (lambda: small("incompressible", 1, parameters={"modes": 3.5}), "modes: 3.5 is no whole"),
        (lambda: small("incompressible", 1, dt=-1.0), "dt: -1.0 is "),
        (lambda: small("shallow_water", 1, parameters={"waves": 0.5}), "waves: 0.5 is "),
    ],
)
def test_a_wrong_request_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


OTHER = {  # one parameter of each system that changes what follows a frame
    "shallow_water": {"gravity": 1.5},
    "dam_break": {"extent": 4.0},
    "diffusion_reaction": {"decay": 0.3},
    "diffusion_reaction_noise": {"threshold": 0.05},
    "incompressible": {"viscosity": 2e-3},
    "compressible": {"eta": 1e-3},
    "burgers": {"viscosity": 0.02},
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_solving_from_a_frame_goes_on_as_the_simulation_did(name):
    about, given = SYSTEMS[name], OTHER[name]
    frames = small(name, 2, parameters=given)
    states = frames[:, 1].astype(np.float64)
    apart = about.solve_from(states, 2, about.dt, given) - frames[:, 1:]
    assert np.abs(apart).max() < 1e-5 * np.abs(frames).max()  # frames are fp32
    usual = about.solve_from(states, 2, about.dt)[:, 1] - frames[:, 2]
    assert np.abs(usual).max() > 1e-4 * np.abs(frames).max()
