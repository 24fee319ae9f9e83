"""Registry of the simulated systems with their default parameters."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from mpp.simulate.burgers import burgers, random_burgers
from mpp.simulate.compressible import compressible, random_compressible
from mpp.simulate.diffusion_reaction import (
    diffusion_reaction,
    noisy_reaction,
    oscillating_reaction,
)
from mpp.simulate.incompressible import incompressible, random_incompressible, with_vorticity
from mpp.simulate.shallow_water import dam_break, random_shallow_water, shallow_water
from mpp.simulate.system import Field, System
from sciformer.arguments import ArgumentError

VELOCITY = (Field("velocity_x", axis=0), Field("velocity_y", axis=1))
OPEN = ("open", "open")
STEADY = tuple(field._replace(conserved=True) for field in VELOCITY)  # at one density: momentum


def diffusivities(given: Mapping[str, float]) -> tuple[float, float]:
    """Diffusivities of activator and inhibitor among the parameters of a reaction."""
    return given["activator_diffusivity"], given["inhibitor_diffusivity"]


_ALL = (
    System(
        name="shallow_water",
        fields=(Field("height", conserved=True), *VELOCITY),
        extent=(5.0, 5.0),
        dt=0.1,
        function=random_shallow_water,
        solve=lambda state, frames, dt, given: shallow_water(
            state, frames, dt, given["gravity"], (given["extent"], given["extent"])
        ),
    ),
    System(
        name="dam_break",
        fields=(Field("height"), *VELOCITY),
        boundaries=OPEN,
        extent=(5.0, 5.0),
        frames=11,  # time 1, as in PDEBench, whose frames are 0.01 apart
        dt=0.1,
        function=dam_break,
        solve=lambda state, frames, dt, given: shallow_water(
            state, frames, dt, given["gravity"], (given["extent"], given["extent"]), OPEN
        ),
    ),
    System(
        name="diffusion_reaction",
        fields=(Field("activator"), Field("inhibitor")),
        extent=(2.0, 2.0),
        dt=1.0,
        function=oscillating_reaction,
        solve=lambda state, frames, dt, given: diffusion_reaction(
            state, frames, dt, diffusivities(given), given["threshold"], decay=given["decay"]
        ),
    ),
    System(
        name="diffusion_reaction_noise",
        fields=(Field("activator"), Field("inhibitor")),
        boundaries=("wall", "wall"),
        extent=(2.0, 2.0),
        frames=6,  # time 5, as in PDEBench, whose frames are 0.05 apart
        dt=1.0,
        function=noisy_reaction,
        solve=lambda state, frames, dt, given: diffusion_reaction(
            state, frames, dt, diffusivities(given), given["threshold"], boundary="wall"
        ),
    ),
    System(
        name="incompressible",
        fields=(*STEADY, Field("tracer", conserved=True)),
        extent=(1.0, 1.0),
        dt=0.06,
        function=random_incompressible,
        solve=lambda state, frames, dt, given: incompressible(
            with_vorticity(state), frames, dt, given["viscosity"], given["diffusivity"]
        ),
    ),
    System(
        name="compressible",
        fields=(Field("density", conserved=True), *VELOCITY, Field("pressure")),
        extent=(1.0, 1.0),
        frames=21,
        dt=0.025,
        function=random_compressible,
        solve=lambda state, frames, dt, given: compressible(
            state.astype(np.float32), frames, dt, given["eta"], given["zeta"]
        ),
    ),
    System(
        name="burgers",
        fields=STEADY[:1],
        boundaries=("periodic",),
        extent=(1.0,),
        shape=(256,),
        dt=0.04,
        function=random_burgers,
        solve=lambda state, frames, dt, given: burgers(state, frames, dt, given["viscosity"]),
    ),
)

SYSTEMS = MappingProxyType({system.name: system for system in _ALL})


def system(name: str) -> System:
    """Look up a system by its key in ``SYSTEMS``; ``ValueError`` for an unknown one."""
    if name not in SYSTEMS:
        raise ArgumentError("system", f"{name!r} is none of {', '.join(SYSTEMS)}")
    return SYSTEMS[name]
