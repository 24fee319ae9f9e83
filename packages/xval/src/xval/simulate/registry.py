"""Every set that can be simulated, by name, as it is by default."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from sciformer.arguments import ArgumentError, check_least
from xval.simulate.multiplication import multiplication
from xval.simulate.orbits import orbits
from xval.simulate.planets import planets
from xval.simulate.products import products
from xval.simulate.temperature import temperature
from xval.simulate.text import Texts
from xval.simulate.trees import trees

VERSION = "1"  # of what the sets write; another one may write other texts of the same seed
NONE: Mapping[str, Any] = MappingProxyType({})


class TextSet(NamedTuple):
    """A set of samples that can be simulated.

    Args:
        name: Its key in the registry.
        answers: Patterns of the numbers that are asked for (:mod:`xval.data.field_names`); a
            parameter stands in braces.
        parameters: Defaults of the parameters, which the function documents.
        function: What simulates, called with seed, numbers of samples and the parameters by name.
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

        A sample depends on the seed, its number and the parameters only. Written digits are the
        same on every machine, but for numbers that lie within rounding of half a digit.

        Args:
            seed: Seed of the data set; not negative.
            samples: Number of samples.
            first: Number of the first one.
            parameters: Those that differ from the default.

        Returns:
            The texts.

        Raises:
            ValueError: A parameter is unknown or out of range.
        """
        check_least(samples=(samples, 1), first=(first, 0), seed=(seed, 0))
        numbers = np.arange(first, first + samples)
        return self.function(seed, numbers, **self.parameters_with(parameters))

    def parameters_with(self, given: Mapping[str, Any]) -> dict[str, float | int]:
        """All parameters, of the types of the defaults: a YAML's 1 is a share, its 4.0 a number.

        Args:
            given: Those that differ from the default.

        Returns:
            All of them.

        Raises:
            ValueError: One is unknown or of another type.
        """
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
        """Patterns of the numbers that are asked for, with these parameters."""
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
    """Look a set up.

    Args:
        name: Its key in ``SETS``.

    Returns:
        The set.

    Raises:
        ValueError: No set has this name.
    """
    if name not in SETS:
        raise ArgumentError("set", f"{name!r} is none of {', '.join(SETS)}")
    return SETS[name]
