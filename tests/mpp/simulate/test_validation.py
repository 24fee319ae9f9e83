"""What a simulator cannot do, by its name and value."""

import numpy as np
import pytest

from mpp.simulate.burgers import burgers
from mpp.simulate.compressible import compressible
from mpp.simulate.diffusion_reaction import diffusion_reaction
from mpp.simulate.incompressible import incompressible
from mpp.simulate.shallow_water import shallow_water

GOOD = {  # simulator -> a state, and what is needed beside it
    burgers: (np.zeros((1, 1, 8)), {"dt": 0.1, "viscosity": 0.1}),
    compressible: (np.ones((1, 4, 8, 8)), {"dt": 0.1}),
    diffusion_reaction: (np.zeros((1, 2, 8, 8)), {"dt": 0.1}),
    incompressible: (np.ones((1, 2, 8, 8)), {"dt": 0.1, "viscosity": 1e-3, "diffusivity": 1e-3}),
    shallow_water: (np.ones((1, 3, 8, 8)), {"dt": 0.1}),
}


@pytest.mark.parametrize(
    ("simulator", "name", "value", "message"),
    [
        (burgers, "dt", 0.0, "dt: 0.0 is "),
        (burgers, "viscosity", -0.1, "viscosity: -0.1 is "),
        (burgers, "cfl", 1.1, "cfl: 1.1 is "),
        (compressible, "dt", 0.0, "dt: 0.0 is "),
        (compressible, "eta", -1.0, "eta: -1.0 is "),
        (compressible, "zeta", -0.5, "zeta: -0.5 is "),
        (compressible, "gamma", 1.0, "gamma: 1.0 is "),
        (compressible, "cfl", 2.0, "cfl: 2.0 is "),
        (diffusion_reaction, "dt", 0.0, "dt: 0.0 is "),
        (diffusion_reaction, "diffusivities", (-1.0, 0.0), "activator_diffusivity: -1.0 is "),
        (diffusion_reaction, "reach", 4.0, "reach: 4.0 is "),
        (diffusion_reaction, "extent", 0.0, "extent: 0.0 is "),
        (diffusion_reaction, "decay", -1.0, "decay: -1.0 is "),
        (incompressible, "viscosity", -1.0, "viscosity: -1.0 is "),
        (incompressible, "diffusivity", -1.0, "diffusivity: -1.0 is "),
        (incompressible, "dt", 0.0, "dt: 0.0 is "),
        (incompressible, "cfl", 3.0, "cfl: 3.0 is "),
        (shallow_water, "dt", -1.0, "dt: -1.0 is "),
        (shallow_water, "gravity", 0.0, "gravity: 0.0 is "),
        (shallow_water, "cfl", 1.5, "cfl: 1.5 is "),
        (shallow_water, "boundaries", ("wall", "open"), "boundary is 'wall'"),
    ],
)
def test_a_wrong_parameter_is_named(simulator, name, value, message):
    state, options = GOOD[simulator]
    assert np.isfinite(simulator(state, 2, **options)).all()
    with pytest.raises(ValueError, match=message):
        simulator(state, 2, **{**options, name: value})


@pytest.mark.parametrize(
    ("simulator", "row", "message"),
    [(compressible, 3, "pressure is 0.0 somewhere"), (shallow_water, 0, "height is 0.0 somewhere")],
)
def test_a_vacuum_and_a_dry_bed_are_refused(simulator, row, message):
    state, options = GOOD[simulator]
    empty = np.where(np.arange(state.shape[1])[:, None, None] == row, 0.0, state)
    with pytest.raises(ValueError, match=message):
        simulator(empty, 2, **options)
