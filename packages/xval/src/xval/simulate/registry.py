"""Registry of the simulated text sets with their default parameters."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from sciformer.arguments import ArgumentError, check_least, numeric_parameters, with_defaults
from xval.simulate.multiplication import multiplication
from xval.simulate.one_orbit import orbits
from xval.simulate.planets import planets
from xval.simulate.products import products
from xval.simulate.temperature import temperature
from xval.simulate.text import Texts
from xval.simulate.trees import trees

VERSION = "1"  # version of the texts: another one may write other texts for a seed
NONE: Mapping[str, Any] = MappingProxyType({})


class TextSet(NamedTuple):
    """A simulated set of texts.

    Args:
        name: Key in the registry.
        answers: Patterns of the target numbers (:mod:`xval.data.field_names`), with parameters in
            braces.
        function: Simulator, called with seed, indices of the samples and the parameters by name.
    """

    name: str
    answers: tuple[str, ...]
    function: Callable[..., Texts]

    def simulate(
        self,
        seed: int,
        samples: int,
        first: int = 0,
        parameters: Mapping[str, Any] = NONE,
    ) -> Texts:
        """Simulate samples ``first`` to ``first + samples`` of a seed.

        A sample depends on the seed, its index and the parameters only. Its digits are the same on
        every machine, except for numbers within rounding error of half a digit.

        Args:
            seed: Seed of the data set; at least 0.
            samples: Number of samples.
            first: Index of the first sample.
            parameters: Parameters that differ from the default.

        Returns:
            The texts.

        Raises:
            ValueError: A parameter is unknown or out of range.
        """
        check_least(samples=(samples, 1), first=(first, 0), seed=(seed, 0))
        numbers = np.arange(first, first + samples)
        return self.function(seed, numbers, **self.parameters_with(parameters))

    def parameters_with(self, given: Mapping[str, Any]) -> dict[str, float | int]:
        """Defaults updated by given parameters, each converted to the type of its default."""
        return with_defaults(numeric_parameters(self.function), given, self.name)

    def asked(self, given: Mapping[str, Any] = NONE) -> list[str]:
        """Patterns of the target numbers with these parameters."""
        return [pattern.format(**self.parameters_with(given)) for pattern in self.answers]


_ALL = (
    TextSet("multiplication", ("=",), multiplication),
    TextSet("trees", ("=",), trees),
    TextSet("products", ("=",), products),
    TextSet("orbits", ("a",), orbits),
    TextSet(
        "planets",
        (
            "description.planet1.a",
            "description.planet1.e",
            "description.planet1.m",
            "description.stepsize",
        ),
        planets,
    ),
    TextSet("temperature", ("data.{history}.*",), temperature),
)

SETS = MappingProxyType({each.name: each for each in _ALL})


def text_set(name: str) -> TextSet:
    """Look up a set by its key in ``SETS``; ``ValueError`` for an unknown one."""
    if name not in SETS:
        raise ArgumentError("set", f"{name!r} is none of {', '.join(SETS)}")
    return SETS[name]
