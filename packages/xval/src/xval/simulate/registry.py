"""Registry of the simulated text sets with their default parameters."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from sciformer.arguments import ArgumentError, check_least
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
        parameters: Default parameters, documented by the function.
        function: Simulator, called with seed, indices of the samples and the parameters by name.
    """

    name: str
    answers: tuple[str, ...]
    parameters: Mapping[str, float | int]
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
        typed = dict(self.parameters)
        for name, value in given.items():
            if name not in typed:
                known = ", ".join(typed)
                raise ArgumentError(name, f"no parameter of {self.name}, which has {known}")
            kind, known = type(typed[name]), type(value) in (int, float)
            if not known or kind(value) != value:
                whole = "whole " if kind is int else ""
                raise ArgumentError(name, f"{value!r} is no {whole}number")
            typed[name] = kind(value)
        return typed

    def asked(self, given: Mapping[str, Any] = NONE) -> list[str]:
        """Patterns of the target numbers with these parameters."""
        return [pattern.format(**self.parameters_with(given)) for pattern in self.answers]


_ALL = (
    TextSet("multiplication", ("=",), {"digits": 3}, multiplication),
    TextSet(
        "trees", ("=",), {"fewest": 2, "most": 4, "low": 0.01, "high": 100.0, "digits": 3}, trees
    ),
    TextSet(
        "products",
        ("=",),
        {"low": 1e-8, "high": 1e8, "zeros": 0.05, "sums": 0.5, "digits": 7},
        products,
    ),
    TextSet("orbits", ("a",), {"frames": 6, "digits": 7, "outside": 0.0}, orbits),
    TextSet(
        "planets",
        (
            "description.planet1.a",
            "description.planet1.e",
            "description.planet1.m",
            "description.stepsize",
        ),
        {"digits": 7, "axis_outside": 0.0, "step_outside": 0.0},
        planets,
    ),
    TextSet(
        "temperature",
        ("data.{history}.*",),
        {"stations": 8, "history": 8, "hours": 6.0, "spread": 10.0},
        temperature,
    ),
)

SETS = MappingProxyType({each.name: each for each in _ALL})


def text_set(name: str) -> TextSet:
    """Look up a set by its key in ``SETS``; ``ValueError`` for an unknown one."""
    if name not in SETS:
        raise ArgumentError("set", f"{name!r} is none of {', '.join(SETS)}")
    return SETS[name]
