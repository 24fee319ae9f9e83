"""The user's description of a file of arrays: an entry of ``data.files``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mpp.data.description import COORDINATES
from sciformer.arguments import ArgumentError
from sciformer.data.entry import Kinds

TABLE: Kinds = {  # keys of a table in data.files
    "fields": Any,
    "axes": list[str],
    "constants": Any,
    "parameters": dict[str, Any],
}
RUN, TIME, COMPONENT = "run", "time", "component"
ALIASES = {
    RUN: "runs trajectory trajectories traj sample samples batch member ensemble realization case",
    TIME: "t times",
    COMPONENT: "components channel channels",
    "x": "lon longitude",
    "y": "lat latitude",
    "z": "lev level depth altitude",
}
ROLES = {alias: role for role, words in ALIASES.items() for alias in (role, *words.split())}
PART = re.compile(r"(.+)\[(\d{1,6})\]")  # array[index of a component]


class Source(NamedTuple):
    """Where a field is stored.

    Args:
        array: Name of the array.
        component: Index along its component axis; None takes all of them.
    """

    array: str
    component: int | None = None


@dataclass(frozen=True)
class Table:
    """What the user says of the arrays of a file.

    Args:
        fields: Our name of a field -> where it is stored; empty takes all that vary in time, where
            the file names its axes.
        names: Names of the components of the file's only array, in place of ``fields``.
        axes: Names of the arrays' axes; empty if the file names them.
        constants: Our name of a field that is constant in time -> array.
        parameters: Name of a parameter -> its value, or the name of an array or attribute.
    """

    fields: Mapping[str, Source] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    constants: Mapping[str, Source] = field(default_factory=dict)
    parameters: Mapping[str, float | str] = field(default_factory=dict)


def table_of(said: Mapping[str, Any]) -> Table:
    """Read the user's table.

    Args:
        said: Entry of ``data.files`` with ``fields``, ``axes``, ``constants``, ``parameters``.

    Returns:
        The description.

    Raises:
        ArgumentError: Naming the key with a wrong value.
    """
    fields = said.get("fields") or {}
    names: tuple[str, ...] = ()
    if not isinstance(fields, Mapping):
        names, fields = _words("fields", fields), {}
    constants = said.get("constants") or {}
    if constants is True:  # all those of a file of The Well, which names them itself
        constants = {}
    if not isinstance(constants, Mapping):
        constants = {name: name for name in _words("constants", constants)}
    parameters = said.get("parameters") or {}
    for name, value in parameters.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            reason = f"{name}: {value!r} is neither a number nor the name of an array or attribute"
            raise ArgumentError("parameters", reason)
    return Table(
        _sources("fields", fields),
        names,
        tuple(said.get("axes") or ()),
        _sources("constants", constants),
        dict(parameters),
    )


def _words(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise ArgumentError(key, f"{value!r} is neither a list of names nor {{NAME: ARRAY}}")
    return tuple(value)


def _sources(key: str, named: Mapping[Any, Any]) -> dict[str, Source]:
    for name, array in named.items():
        if not isinstance(name, str) or not isinstance(array, str):
            raise ArgumentError(key, f"{name!r}: {array!r} are not two names")
    return {name: _source(array) for name, array in named.items()}


def _source(word: str) -> Source:
    found = PART.fullmatch(word)
    return Source(word) if found is None else Source(found[1], int(found[2]))


def roles_of(where: str, names: Sequence[str], shape: Sequence[int]) -> tuple[str, ...]:
    """What each axis of an array is.

    Args:
        where: File and array, for errors.
        names: Names of its axes.
        shape: Its shape.

    Returns:
        ``run``, ``time``, ``component``, ``x``, ``y`` or ``z`` for each axis; empty for an axis of
        one point with another name.

    Raises:
        ArgumentError: If a name is unknown, or there twice.
    """
    roles = tuple(ROLES.get(name.lower(), "") for name in names)
    for name, role, size in zip(names, roles, shape, strict=True):
        if not role and size != 1:
            known = ", ".join((RUN, TIME, COMPONENT, *COORDINATES))
            reason = f"{where}: {name!r} of {size} points is none of {known}"
            raise ArgumentError("axes", f"{reason}; say axes: [...], one for each of {shape}")
        if role and roles.count(role) > 1:
            raise ArgumentError("axes", f"{where}: {list(names)}: {role} is there twice")
    return roles
