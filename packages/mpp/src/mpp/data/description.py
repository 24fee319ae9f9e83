"""What a trajectory is made of: its fields, boundaries and grid.

The axes of space are those of the coordinates in their order: x first, then y, then z. The
component of a vector along x has axis 0. (``height`` and ``width`` of the network are x and y.)
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from mpp.boundary import Boundary

FIELDS = (  # the canonical names; the first rows of every vocabulary
    "height",
    "velocity_x",
    "velocity_y",
    "tracer",
    "activator",
    "inhibitor",
    "density",
    "pressure",
    "velocity_z",
    "concentration",
)
PSEUDO = frozenset({"vorticity"})  # change sign in a mirror (a magnetic field may or may not)
COORDINATES = "xyz"


class Component(NamedTuple):
    """A number at every point: a scalar, or one component of a vector or tensor.

    Args:
        name: For example ``velocity_x``.
        base: What it is a component of, for example ``velocity``; its own name if a scalar.
        axes: Axis of space of each of its indices: () of a scalar, (0,) of ``f_x``, (0, 1) of
            ``f_xy``.
    """

    name: str
    base: str
    axes: tuple[int, ...] = ()


class Description(NamedTuple):
    """What all trajectories of a file or of a simulator have in common.

    Args:
        components: The fields, in the order of the arrays.
        shape: Points along each axis of space.
        boundaries: Of each axis of space.
        spacing: Distance of the points along each axis, in the units of the file.
        dt: Time between frames, in the units of the file.
        flips: Axes along which the mirror image of a solution is a solution of the same system.
        turns: Whether a quarter turn of a solution is one as well.
        conserved: Names of the fields whose mean over space stays what it is.
    """

    components: tuple[Component, ...]
    shape: tuple[int, ...]
    boundaries: tuple[Boundary, ...]
    spacing: tuple[float, ...]
    dt: float
    flips: tuple[int, ...] = ()
    turns: bool = False
    conserved: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names."""
        return tuple(component.name for component in self.components)


def components(
    base: str, rank: int, axes: int, coordinates: Sequence[str] = COORDINATES
) -> list[Component]:
    """The components of a scalar, vector or tensor field, as The Well names and orders them.

    Args:
        base: Name of the field.
        rank: 0 for a scalar, 1 for a vector, 2 for a tensor.
        axes: Of space.
        coordinates: Their names.

    Returns:
        ``f``, or ``f_x, f_y``, or ``f_xx, f_xy, f_yx, f_yy``.
    """
    indices = product(range(axes), repeat=rank)
    return [
        Component(
            f"{base}_{''.join(coordinates[i] for i in index)}" if index else base, base, index
        )
        for index in indices
    ]


def by_name(name: str) -> Component:
    """A component by its name: the last part of ``velocity_x`` says which it is."""
    base, _, end = name.rpartition("_")
    if base and end and len(end) <= 2 and all(letter in COORDINATES for letter in end):
        return Component(name, base, tuple(COORDINATES.index(letter) for letter in end))
    return Component(name, name)


def renamed(component: Component, name: str) -> Component:
    """A component under another name.

    Args:
        component: As a file or a set has it.
        name: The new one. If it ends like that of a component (``wind_x``) it says which it is.

    Returns:
        Otherwise the same component of a vector or the same pseudo scalar as before: what a mirror
        does to it does not depend on its name.
    """
    new = by_name(name)
    if new.axes or new.base in PSEUDO or not (component.axes or component.base in PSEUDO):
        return new
    return component._replace(name=name)


def square(description: Description) -> bool:
    """Whether all axes are alike, so that a turned domain is the same domain."""
    spacing, one = description.spacing, description.spacing[0]
    return (
        len(set(description.shape)) == 1
        and len(set(description.boundaries)) == 1
        and all(abs(step - one) <= 1e-4 * abs(one) for step in spacing)  # float32 coordinates
    )
