"""The sets of PDEBench: their fields, keys and boundaries, and how a file's set is detected."""

import re
from typing import NamedTuple

from mpp.simulate.boundary import Boundary
from sciformer.data.hdf5 import HDF5

VELOCITIES = {"Vx": "velocity_x", "Vy": "velocity_y", "Vz": "velocity_z"}
BY_NAME: dict[str, tuple[Boundary, ...]] = {  # of compressible flow; the last one is repeated
    r"periodic": ("periodic",),
    r"trans": ("open",),  # transmissive
    r"sod\d+": ("open",),
    r"otvortex": ("periodic",),
    r"kh": ("periodic", "open"),
}


class Part(NamedTuple):
    """Location of a field in a file.

    Args:
        key: HDF5 key of the dataset; ``{}`` stands for the key of its group.
        channel: Index along the dataset's last axis; None if there is no channel axis.
        name: Name of the field.
        conserved: Whether its spatial mean is conserved.
    """

    key: str
    channel: int | None
    name: str
    conserved: bool = False


class Kind(NamedTuple):
    """File layout of one of PDEBench's sets.

    Args:
        parts: Fields of the set.
        boundary: Boundary type of all axes; None if the layout does not tell.
        mirrored: Whether reflections and 90 degree rotations of a solution are solutions.
        swapped: Whether the spatial axes are stored as (y, x).
        grouped: Whether each trajectory is a separate HDF5 group.
    """

    parts: tuple[Part, ...]
    boundary: Boundary | None
    mirrored: bool = True
    swapped: bool = False
    grouped: bool = False


DAM_BREAK = Kind((Part("{}/data", 0, "height"),), "open", grouped=True)
REACTION = Kind(
    (Part("{}/data", 0, "activator"), Part("{}/data", 1, "inhibitor")),
    "wall",
    swapped=True,
    grouped=True,
)
SORPTION = Kind(  # fixed value on the left, free on the right
    (Part("{}/data", 0, "concentration"),), "wall", mirrored=False, grouped=True
)
INCOMPRESSIBLE = Kind(
    (
        Part("velocity", 0, "velocity_x"),
        Part("velocity", 1, "velocity_y"),
        Part("particles", 0, "tracer"),
    ),
    "wall",
)
BURGERS = Kind((Part("tensor", None, "velocity_x", conserved=True),), "periodic")
ADVECTION = Kind(
    (Part("tensor", None, "tracer", conserved=True),),
    "periodic",
    mirrored=False,  # advects in one direction
)
UNKNOWN = Kind((Part("tensor", None, "field"),), None, mirrored=False)
REACTION_1D = Kind((Part("tensor", None, "concentration"),), "periodic")


def compressible(axes: int) -> Kind:
    """Layout of compressible flow: one dataset per velocity component, density and pressure."""
    parts = [Part(key, None, name) for key, name in list(VELOCITIES.items())[:axes]]
    parts += [Part("density", None, "density", conserved=True), Part("pressure", None, "pressure")]
    return Kind(tuple(parts), None)


def named_boundaries(name: str, axes: int) -> list[tuple[Boundary, ...]]:
    """Boundaries of compressible flow by the words in a file's name: none, one, or several."""
    words = re.split(r"[_.\- ]+", name.lower())
    found = {
        kinds for word in words for pattern, kinds in BY_NAME.items() if re.fullmatch(pattern, word)
    }
    return [(*kinds, *(kinds[-1:] * axes))[:axes] for kinds in found]


def is_pdebench(source: HDF5) -> bool:
    """Whether a file has the keys of one of PDEBench's sets."""
    arrays, groups = set(source.arrays()), source.groups()
    if groups and not arrays:
        return source.holds(f"{groups[0]}/data")
    flow = "Vx" in arrays and bool({"density", "pressure"} & arrays)
    return flow or {"velocity", "particles"} <= arrays or "tensor" in arrays


def kind_of(source: HDF5, groups: list[str], fields: tuple[str, ...] | None) -> Kind:
    """Detect which set a file belongs to.

    Args:
        source: The file.
        groups: Keys of its groups.
        fields: New names of the fields.

    Returns:
        The set.

    Raises:
        ValueError: If it is none of them, or the number of names differs.
    """
    arrays = source.arrays()
    if not is_pdebench(source):
        there = ", ".join(source.keys()[:8]) or "nothing"
        raise ValueError(f"{source.path}: keys: {there}: in the layout of no set of PDEBench")
    if not arrays:
        kind = _grouped(source, groups[0])
    elif "velocity" in arrays:
        kind = INCOMPRESSIBLE
    elif "Vx" in arrays:
        kind = compressible(len(source.shape("Vx")) - 2)
    elif "nu" in arrays:
        raise ValueError(f"{source.path}: nu: Darcy flow is a single frame; nothing to predict")
    else:
        kind = _of_tensor(source, fields)
    if fields is not None and len(fields) != len(kind.parts):
        raise ValueError(f"{source.path}: fields: {list(fields)}, but it has {len(kind.parts)}")
    return kind


def _grouped(source: HDF5, group: str) -> Kind:
    shape = source.shape(f"{group}/data")
    kinds = {(3, 1): SORPTION, (4, 1): DAM_BREAK, (4, 2): REACTION}
    kind = kinds.get((len(shape), shape[-1] if shape else 0))
    if kind is None:
        raise ValueError(
            f"{source.path}: {group}/data: shape {shape} is neither (time, x, 1), (time, x, y, 1) "
            "nor (time, y, x, 2)"
        )
    return kind


def _of_tensor(source: HDF5, fields: tuple[str, ...] | None) -> Kind:
    name = source.path.name.lower()
    for word, kind in (("burgers", BURGERS), ("advection", ADVECTION), ("reacdiff", REACTION_1D)):
        if word in name:
            return kind
    if fields is not None:
        return UNKNOWN
    raise ValueError(f"{source.path}: tensor: name its field: fields: [NAME]")
