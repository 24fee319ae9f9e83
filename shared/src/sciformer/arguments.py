"""Checks of argument values, ``ArgumentError``, and arguments grouped in tables (dataclasses)."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from inspect import Parameter, isclass, signature
from numbers import Real
from typing import Any


class ArgumentError(ValueError):
    """An argument has a wrong value; the command line adds the option and its file.

    Args:
        name: Argument, with the path into it: ``files[0].path``.
        reason: What is wrong, with the value.
    """

    def __init__(
        self, name: str, reason: str = ""
    ) -> None:  # torch re-raises errors of workers with one argument
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.reason else self.name

    def inside(self, name: str) -> "ArgumentError":
        """The same error with a longer path: ``path`` inside ``files[0]`` is ``files[0].path``."""
        return ArgumentError(f"{name}.{self.name}", self.reason)


@contextmanager
def inside(name: str, entry: Any) -> Iterator[None]:
    """Prefix errors of this context with the argument they are about.

    Args:
        name: Argument, for example ``files[0]``.
        entry: Its value; if it is a table, the name of the wrong entry is appended.

    Raises:
        ArgumentError: In place of a ValueError raised in the context.
    """
    try:
        yield
    except ArgumentError as error:
        table = isinstance(entry, Mapping)
        raise ArgumentError(f"{name}.{error.name}" if table else name, error.reason) from error
    except ValueError as error:
        raise ArgumentError(name, str(error)) from error


@contextmanager
def said_as(option: str, argument: str) -> Iterator[None]:
    """Replace an argument's name in errors by the option that the user gave.

    Args:
        option: Option, for example ``data``.
        argument: Argument made from it, for example ``files[0]``.

    Raises:
        ArgumentError: With the name of the option.
    """
    try:
        yield
    except ArgumentError as error:
        raise ArgumentError(error.name.replace(argument, option, 1), error.reason) from error


def check_least(**values: tuple[int | float | None, int | float]) -> None:
    """Check lower bounds.

    Args:
        **values: Argument -> (value, smallest allowed value); None is not checked.

    Raises:
        ArgumentError: Naming the first argument below its bound.
    """
    for name, (value, least) in values.items():
        if value is not None and not value >= least:  # also true for NaN
            raise ArgumentError(name, f"{value} is less than {least}")


def check_positive(**values: int | float | None) -> None:
    """Check that numbers are finite and above 0, or None; ``ArgumentError`` names the first."""
    _check(values, lambda value: 0 < value < math.inf, "is not above 0 and finite")


def check_not_negative(**values: int | float | None) -> None:
    """Check that numbers are finite and at least 0, or None; ``ArgumentError`` names the first."""
    _check(values, lambda value: 0 <= value < math.inf, "is below 0 or not finite")


def check_share(**values: int | float | None) -> None:
    """Check that numbers lie between 0 and 1, or None; ``ArgumentError`` names the first."""
    _check(values, lambda value: 0 <= value <= 1, "is not between 0 and 1")


def _check(values: dict[str, Any], holds: Callable[[float], bool], said: str) -> None:
    for name, value in values.items():
        if value is not None and not holds(value):
            raise ArgumentError(name, f"{value} {said}")


def numeric_parameters(function: Callable[..., Any]) -> dict[str, float | int]:
    """Parameters of a function that are single numbers, with their defaults."""
    defaults = {name: p.default for name, p in signature(function).parameters.items()}
    return {name: value for name, value in defaults.items() if isinstance(value, float | int)}


def with_defaults(
    defaults: Mapping[str, float | int], given: Mapping[str, Any], owner: str
) -> dict[str, float | int]:
    """Complete the numeric parameters of a simulator.

    Args:
        defaults: Parameters with their defaults.
        given: Parameters that differ; each is converted to the type of its default.
        owner: Name of the simulator, for errors.

    Returns:
        All parameters.

    Raises:
        ArgumentError: Naming the first that is unknown, no number, or not whole.
    """
    typed = dict(defaults)
    for name, value in given.items():
        if name not in typed:
            raise ArgumentError(name, f"no parameter of {owner}, which has {', '.join(typed)}")
        kind: Any = type(typed[name])
        known = isinstance(value, Real) and not isinstance(value, bool)
        if not known or kind(value) != value:
            whole = "whole " if kind is int else ""
            raise ArgumentError(name, f"{value!r} is no {whole}number")
        typed[name] = kind(value)
    return typed


def parameters_of(kind: Callable[..., Any]) -> dict[str, Parameter]:
    """Parameters of a function or class, with those of its base classes behind ``**settings``."""
    if not isclass(kind):
        return dict(signature(kind).parameters)
    found: dict[str, Parameter] = {}
    for each in (base.__init__ for base in kind.__mro__ if "__init__" in vars(base)):
        _, *own = signature(each).parameters.values()
        named = {one.name: one for one in own if one.kind is not Parameter.VAR_KEYWORD}
        found = {**named, **found}
        if len(named) == len(own):
            break
    return found


def flat_names(kind: Callable[..., Any]) -> dict[str, str]:
    """Names of options before they were grouped in tables: entry -> ``table.entry``.

    Args:
        kind: Class whose dataclass arguments are tables.

    Returns:
        Former names, without those that are still arguments.
    """
    parameters = parameters_of(kind)
    return {
        entry.name: f"{name}.{entry.name}"
        for name, parameter in parameters.items()
        if is_dataclass(parameter.annotation)
        for entry in fields(parameter.annotation)
        if entry.name not in parameters
    }


def grouped(kind: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Move settings of older files, which have no tables, to their tables.

    Args:
        kind: Class that takes the settings as arguments.
        settings: Settings as plain data, from a YAML or a checkpoint.

    Returns:
        Grouped settings as plain data; values in a table take precedence.
    """
    found = dict(settings)
    for flat, place in flat_names(kind).items():
        table = place.partition(".")[0]
        if flat in found and isinstance(found.get(table, {}), Mapping):
            found[table] = {flat: found.pop(flat), **found.get(table, {})}
    return found


def with_tables(kind: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Convert plain settings to the arguments of a class.

    Args:
        kind: Class that takes the arguments.
        settings: Settings as for :func:`grouped`; missing entries have their default.

    Returns:
        Arguments, with tables as dataclasses.

    Raises:
        ArgumentError: Naming the table with an unknown entry.
    """
    found = grouped(kind, settings)
    for name, parameter in parameters_of(kind).items():
        if is_dataclass(parameter.annotation) and isinstance(found.get(name), Mapping):
            try:
                found[name] = replace(parameter.default, **found[name])
            except TypeError as error:
                raise ArgumentError(name, str(error)) from error
    return found
