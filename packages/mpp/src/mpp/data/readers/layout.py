"""Where the fields of a file of arrays are, from the user's table or the names of its axes."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mpp.data.description import COORDINATES, Component, by_name
from mpp.data.readers.arrays import Arrays
from mpp.data.readers.table import COMPONENT, RUN, TIME, Source, Table, roles_of
from sciformer.arguments import ArgumentError


class Stored(NamedTuple):
    """An array and what each of its axes is.

    Args:
        name: Name of the array.
        roles: ``run``, ``time``, ``component`` or a coordinate for each axis; empty for an axis of
            one point that is none of these.
        shape: Shape of the array.
    """

    name: str
    roles: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Number of points along each axis by role."""
        return {role: n for role, n in zip(self.roles, self.shape, strict=True) if role}


class Placed(NamedTuple):
    """A field, the array that holds it, and its index along the component axis."""

    part: Component
    stored: Stored
    component: int


class Layout(NamedTuple):
    """Fields of a file and the sizes that they share.

    Args:
        fields: Fields that vary in time, then those that are constant.
        constants: Number of fields that are constant in time.
        letters: Names of the spatial axes.
        sizes: Number of points by role.
    """

    fields: list[Placed]
    constants: int
    letters: tuple[str, ...]
    sizes: dict[str, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along each spatial axis."""
        return tuple(self.sizes[letter] for letter in self.letters)


def find_layout(arrays: Arrays, table: Table) -> Layout:
    """Find the fields of a file.

    Args:
        arrays: Arrays of the file.
        table: Description by the user; may be empty if the file names its axes.

    Returns:
        The fields, all on one grid.

    Raises:
        ArgumentError: If an array does not exist or does not fit the table.
    """
    sources = dict(table.fields) or _only_array(arrays, table) or _all_varying(arrays)
    varying = {name: _varying(arrays, table, source) for name, source in sources.items()}
    sizes = _common(arrays, list(varying.values()))
    letters = tuple(letter for letter in COORDINATES if letter in sizes)
    fields = [
        one
        for name, stored in varying.items()
        for one in _placed(arrays, name, stored, sources[name].component, letters)
    ]
    constants = [
        Placed(_component(name, letters), _constant(arrays, source, sizes, letters), 0)
        for name, source in table.constants.items()
    ]
    names = [one.part.name for one in (*fields, *constants)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _wrong(arrays, "fields", f"{', '.join(twice)}: there twice")
    return Layout([*fields, *constants], len(constants), letters, sizes)


def _wrong(arrays: Arrays, key: str, reason: str) -> ArgumentError:
    return ArgumentError(key, f"{arrays.path}: {reason}")


def _only_array(arrays: Arrays, table: Table) -> dict[str, Source]:
    """Components of the file's only array by the user's list of names; empty without one."""
    if not table.names:
        return {}
    fit = [name for name in arrays.names() if len(arrays.shape(name)) == len(table.axes)]
    if len(fit) != 1:
        there = ", ".join(fit or arrays.names()) or "nothing"
        reason = f"a list names the components of one array, but there are {there}; say NAME: ARRAY"
        raise _wrong(arrays, "fields", reason)
    (only,) = fit
    count = _stored(arrays, table.axes, only).sizes.get(COMPONENT, 1)
    if count != len(table.names):
        reason = f"{list(table.names)}, but {only} of {arrays.shape(only)} has {count} component(s)"
        raise _wrong(arrays, "fields", reason)
    return {name: Source(only, number) for number, name in enumerate(table.names)}


def _all_varying(arrays: Arrays) -> dict[str, Source]:
    """All arrays with a time and a spatial axis, where the file names its axes."""
    found = {}
    for name in arrays.names():
        words = arrays.dimensions(name)
        if len(words) < 2 or arrays.dtype(name).kind not in "fiu":
            continue
        roles = roles_of(f"{arrays.path}: {name}", words, arrays.shape(name))
        if TIME in roles and set(roles) & set(COORDINATES):
            found[name] = Source(name)
    if not found:
        raise _wrong(arrays, "fields", "no array with named axes of time and space")
    return found


def _stored(arrays: Arrays, axes: Sequence[str], name: str) -> Stored:
    """An array with the roles of its axes, by the user's names or the file's own."""
    if not arrays.holds(name):
        raise arrays.missing(name)
    kind, shape = arrays.dtype(name).kind, arrays.shape(name)
    if kind not in "fiub":
        raise ValueError(f"{arrays.path}: {name}: dtype {arrays.dtype(name)} is no real number")
    words = tuple(axes) or arrays.dimensions(name)
    if len(words) == len(shape) + 1 and COMPONENT in roles_of(name, words, (1,) * len(words)):
        roles = roles_of(name, words, (1,) * len(words))
        words = tuple(w for w, role in zip(words, roles, strict=True) if role != COMPONENT)
    if len(words) != len(shape):
        said = f"axes: {list(words)} names {len(words)}" if words else "its axes have no names"
        reason = f"{name}: shape {shape} has {len(shape)} axes, but {said}"
        raise _wrong(arrays, "axes", reason)
    return Stored(name, roles_of(f"{arrays.path}: {name}", words, shape), shape)


def _varying(arrays: Arrays, table: Table, source: Source) -> Stored:
    """Array of a field, after a check that it has axes of time and space."""
    stored = _stored(arrays, table.axes, source.array)
    if TIME not in stored.roles or not set(stored.roles) & set(COORDINATES):
        reason = f"{stored.name}: {list(stored.roles)} lacks {TIME}, or an axis of space: x, y, z"
        raise _wrong(arrays, "axes", reason)
    return stored


def _common(arrays: Arrays, every: Sequence[Stored]) -> dict[str, int]:
    """Sizes that all arrays share."""
    first, *others = [{**one.sizes} for one in every]
    for sizes in (first, *others):
        sizes.pop(COMPONENT, None)
    for one, sizes in zip(every[1:], others, strict=True):
        if sizes != first:
            raise _wrong(arrays, "fields", f"{one.name}: {sizes}, but {every[0].name} has {first}")
    if min(first.values()) < 1:
        raise _wrong(arrays, "fields", f"{every[0].name}: shape {every[0].shape} has no point")
    return first


def _placed(
    arrays: Arrays, name: str, stored: Stored, component: int | None, letters: tuple[str, ...]
) -> list[Placed]:
    """A field, or the components of a vector."""
    count = stored.sizes.get(COMPONENT, 1)
    if component is not None or count == 1:
        if (component or 0) >= count:
            reason = f"{name}: {stored.name}[{component}]: there are {count} components"
            raise _wrong(arrays, "fields", reason)
        return [Placed(_component(name, letters), stored, component or 0)]
    if count != len(letters):
        example = ", ".join(f"NAME{n}: {stored.name}[{n}]" for n in range(min(count, 3)))
        reason = f"{name}: {stored.name} of {stored.shape} has {count} components; name each: "
        raise _wrong(arrays, "fields", f"{reason}{example}")
    return [
        Placed(Component(f"{name}_{letter}", name, (axis,)), stored, axis)
        for axis, letter in enumerate(letters)
    ]


def _component(name: str, letters: tuple[str, ...]) -> Component:
    """Component by its name; ``velocity_z`` on a grid of x and z is along the second axis."""
    found = by_name(name)
    axes = [COORDINATES[axis] for axis in found.axes]
    if set(axes) <= set(letters):
        return found._replace(axes=tuple(letters.index(letter) for letter in axes))
    return Component(name, name)  # across the plane: a scalar in it


def find_constant(arrays: Arrays, source: Source, layout: Layout) -> Stored:
    """Array of a field that is constant in time; ``ValueError`` if its shape is another one."""
    return _constant(arrays, source, layout.sizes, layout.letters)


def _constant(
    arrays: Arrays, source: Source, sizes: Mapping[str, int], letters: tuple[str, ...]
) -> Stored:
    """Array of a field that is constant in time, with or without an axis of runs."""
    name = source.array
    if not arrays.holds(name):
        raise arrays.missing(name)
    shape, space = arrays.shape(name), tuple(sizes[letter] for letter in letters)
    words = arrays.dimensions(name)
    if words:
        return Stored(name, roles_of(f"{arrays.path}: {name}", words, shape), shape)
    for roles, wanted in ((letters, space), ((RUN, *letters), (sizes.get(RUN, 1), *space))):
        if shape == wanted:
            return Stored(name, roles, shape)
    reason = f"{name}: shape {shape} is neither {space} nor (run, *space)"
    raise _wrong(arrays, "constants", reason)
