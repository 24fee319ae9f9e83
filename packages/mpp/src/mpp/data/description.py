"""Description of a system's trajectories: fields, boundaries and grid.

Spatial axes are in the order of the coordinates: x, y, z. Axis 0 of a vector component is x.
(``height`` and ``width`` of the network are x and y.)
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from mpp.simulate.boundary import Boundary

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
        base: Name of the vector or tensor, for example ``velocity``; for a scalar, its own name.
        axes: Spatial axis of each index: () for a scalar, (0,) for ``f_x``, (0, 1) for ``f_xy``.
    """

    name: str
    base: str
    axes: tuple[int, ...] = ()


class Description(NamedTuple):
    """Properties shared by all trajectories of a file or simulator.

    Args:
        components: The fields, in the order of the arrays.
        shape: Number of points along each spatial axis.
        boundaries: Boundary type of each spatial axis.
        spacing: Grid spacing along each axis, in the units of the file.
        dt: Time between frames, in the units of the file.
        flips: Axes along which the reflection of a solution is a solution of the same system.
        turns: Whether a solution rotated by 90 degrees is a solution too.
        conserved: Names of the fields whose spatial mean is conserved.
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
        """Names of the fields."""
        return tuple(component.name for component in self.components)


def components(
    base: str, rank: int, axes: int, coordinates: Sequence[str] = COORDINATES
) -> list[Component]:
    """The components of a scalar, vector or tensor field, as The Well names and orders them.

    Args:
        base: Name of the field.
        rank: 0 for a scalar, 1 for a vector, 2 for a tensor.
        axes: Number of spatial axes.
        coordinates: Names of the coordinates.

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
    """Make a component from its name; a suffix such as ``_x`` in ``velocity_x`` gives its axis."""
    base, _, end = name.rpartition("_")
    if base and end and len(end) <= 2 and all(letter in COORDINATES for letter in end):
        return Component(name, base, tuple(COORDINATES.index(letter) for letter in end))
    return Component(name, name)


def renamed(component: Component, name: str) -> Component:
    """Rename a component.

    Args:
        component: Component to rename.
        name: New name. A name that ends like a component (``wind_x``) defines the axis.

    Returns:
        Otherwise the component keeps its axes or stays a pseudoscalar, so reflections act on it as
        before.
    """
    new = by_name(name)
    if new.axes or new.base in PSEUDO or not (component.axes or component.base in PSEUDO):
        return new
    return component._replace(name=name)


def square(description: Description) -> bool:
    """Whether all axes are equivalent, so that a rotated domain is the same domain."""
    spacing, one = description.spacing, description.spacing[0]
    return (
        len(set(description.shape)) == 1
        and len(set(description.boundaries)) == 1
        and all(abs(step - one) <= 1e-4 * abs(one) for step in spacing)  # float32 coordinates
    )
