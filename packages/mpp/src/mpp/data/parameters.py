"""Physical parameters of trajectories by name: viscosity, gravity, Mach number."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from mpp.data.trajectories import Trajectories
from sciformer.arguments import ArgumentError


def parameters_of(
    source: Trajectories, names: Sequence[str]
) -> Float32[Tensor, "trajectories parameters"] | None:
    """Values of parameters of all trajectories.

    Args:
        source: Trajectories.
        names: Names of parameters.

    Returns:
        The values, NaN where a trajectory has none; None if there are no names.

    Raises:
        ArgumentError: If a value changes in time.
    """
    if not names:
        return None
    found = np.full((len(source), len(names)), np.nan, np.float32)
    for number in range(len(source)):
        said = source.scalars(number)
        for column, name in enumerate(names):
            if name in said:
                values = np.unique(np.asarray(said[name], np.float64))
                if len(values) != 1:
                    reason = f"{source.where}: {name}: {len(values)} values of a trajectory"
                    raise ArgumentError("parameters", f"{reason}; only a constant is an input")
                found[number, column] = values[0]
    return torch.from_numpy(found)


def warn_of_unknown(source: Trajectories, names: Sequence[str]) -> None:
    """Warn about parameters that trajectories do not have."""
    values = parameters_of(source, names)
    missing = [] if values is None else values.isnan().sum(0).tolist()
    lines = [f"{name} ({count})" for name, count in zip(names, missing, strict=False) if count]
    if lines:
        there = f"{source.where}: of {len(source)} trajectories some have no {', '.join(lines)}"
        warnings.warn(f"{there}: the network takes it as unknown", stacklevel=2)


def parameter_names(sources: Iterable[Trajectories]) -> list[str]:
    """Names of all parameters of some trajectories."""
    every = (source.scalars(number) for source in sources for number in range(len(source)))
    return list(dict.fromkeys(name for said in every for name in said))
