"""Arguments that cannot work: an error that knows their names as data, and checks that raise it."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
