"""Checks of arguments, the error that names them, and arguments that are tables."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from inspect import signature
from typing import Any


class ArgumentError(ValueError):
    """A value that an argument cannot have; the command line adds the option and its file.

    Args:
        name: The argument, as its function calls it, and the way into it: ``files[0].path``.
        reason: What is wrong, with the value.
    """

    def __init__(self, name: str, reason: str = "") -> None:  # torch's workers know one argument
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.reason else self.name

    def inside(self, name: str) -> "ArgumentError":
        """The same of an argument that holds this one: ``path`` inside of ``files[0]``."""
        return ArgumentError(f"{name}.{self.name}", self.reason)


@contextmanager
def inside(name: str, entry: Any) -> Iterator[None]:
    """Say of which argument a complaint is that is raised inside of this context.

    Args:
        name: Of the entry: ``files[0]``.
        entry: A table, in which an argument may be at fault, or a value that is the argument.

    Raises:
        ArgumentError: In place of a ValueError that is raised inside.
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
    """Name an argument by the option that gave it, where it is wrong inside of this context.

    Args:
        option: What a user knows: ``data``.
        argument: What was made of it: ``files[0]``.

    Raises:
        ArgumentError: In place of one of the argument.
    """
    try:
        yield
    except ArgumentError as error:
        raise ArgumentError(error.name.replace(argument, option, 1), error.reason) from error


def check_least(**values: tuple[int | float | None, int | float]) -> None:
    """Refuse numbers that are too small.

    Args:
        **values: Argument -> its value, and the least that it can have; None is no number to judge.

    Raises:
        ArgumentError: Naming the first one that is less.
    """
    for name, (value, least) in values.items():
        if value is not None and not value >= least:  # which NaN is not either
            raise ArgumentError(name, f"{value} is less than {least}")


def check_positive(**values: int | float | None) -> None:
    """Refuse numbers that are not above 0 and finite.

    Args:
        **values: Argument -> its value; None is no number to judge.

    Raises:
        ArgumentError: Naming the first one.
    """
    for name, value in values.items():
        if value is not None and not 0 < value < math.inf:
            raise ArgumentError(name, f"{value} is not above 0 and finite")


def check_not_negative(**values: int | float | None) -> None:
    """Refuse numbers that are below 0 or not finite.

    Args:
        **values: Argument -> its value; None is no number to judge.

    Raises:
        ArgumentError: Naming the first one.
    """
    for name, value in values.items():
        if value is not None and not 0 <= value < math.inf:
            raise ArgumentError(name, f"{value} is below 0 or not finite")


def check_share(**values: int | float | None) -> None:
    """Refuse numbers that do not lie between 0 and 1.

    Args:
        **values: Argument -> its value; None is no number to judge.

    Raises:
        ArgumentError: Naming the first one.
    """
    for name, value in values.items():
        if value is not None and not 0 <= value <= 1:
            raise ArgumentError(name, f"{value} is not between 0 and 1")


def flat_names(kind: Callable[..., Any]) -> dict[str, str]:
    """Names of before there were tables: entry of a table -> ``table.entry``.

    Args:
        kind: A class; those of its arguments that are dataclasses are tables.

    Returns:
        The entries that are not arguments themselves.
    """
    parameters = signature(kind).parameters
    return {
        entry.name: f"{name}.{entry.name}"
        for name, parameter in parameters.items()
        if is_dataclass(parameter.annotation)
        for entry in fields(parameter.annotation)
        if entry.name not in parameters
    }


def grouped(kind: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with every entry in its table: older files have them beside the other arguments.

    Args:
        kind: The class whose arguments they are.
        settings: Plain values by name, of a YAML or a checkpoint.

    Returns:
        Plain values; what a table says itself counts.
    """
    found = dict(settings)
    for flat, place in flat_names(kind).items():
        table = place.partition(".")[0]
        if flat in found and isinstance(found.get(table, {}), Mapping):
            found[table] = {flat: found.pop(flat), **found.get(table, {})}
    return found


def with_tables(kind: Callable[..., Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a class from plain values.

    Args:
        kind: The class.
        settings: As :func:`grouped` takes them; an entry that is left out has its default.

    Returns:
        Arguments, the tables as dataclasses.

    Raises:
        ArgumentError: Naming a table with an entry that it does not have.
    """
    found = grouped(kind, settings)
    for name, parameter in signature(kind).parameters.items():
        if is_dataclass(parameter.annotation) and isinstance(found.get(name), Mapping):
            try:
                found[name] = replace(parameter.default, **found[name])
            except TypeError as error:
                raise ArgumentError(name, str(error)) from error
    return found
