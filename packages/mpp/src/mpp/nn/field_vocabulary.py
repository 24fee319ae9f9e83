"""Vocabulary of field names: each has a row in the network's stem and head."""

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

import torch
from jaxtyping import Int64
from torch import Tensor

from sciformer.arguments import ArgumentError

# The rows of the published weights, by system, and the names of their fields in files; the rest
# belongs to no data set. The paper's systems share no row, not even of the velocities.
ROWS = {
    "swe_height": "height",
    "ins_vx": "velocity_x",
    "ins_vy": "velocity_y",
    "ins_particles": "tracer",
    "dr_activator": "activator",
    "dr_inhibitor": "inhibitor",
    "cns_vx": "velocity_x",
    "cns_vy": "velocity_y",
    "cns_density": "density",
    "cns_pressure": "pressure",
}
PUBLISHED = (*ROWS, "unused_10", "unused_11")
SYMBOLS = {  # usual short names
    **{"h": "height", "depth": "height", "rho": "density", "p": "pressure", "particles": "tracer"},
    **{"vx": "velocity_x", "ux": "velocity_x", "vy": "velocity_y", "uy": "velocity_y"},
}


class Vocabulary:
    """Names of fields; the index of a name is its row in stem and head.

    Args:
        names: Names in the order of the rows; each once.

    Raises:
        ValueError: If a name is repeated.
    """

    def __init__(self, names: Sequence[str]) -> None:
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ArgumentError("fields", f"{', '.join(twice)}: there twice")
        self.names = tuple(names)

    def __len__(self) -> int:
        return len(self.names)

    def published(self, names: Sequence[str]) -> dict[str, str]:
        """Fields of one system that have rows of the published weights, under other names.

        Args:
            names: All fields of the system. Velocities have the rows of the published system that
                has most of these fields.

        Returns:
            Field -> row.
        """
        fields = set(names)
        systems: dict[str, dict[str, str]] = {}
        for row, field in ROWS.items():
            if row in self.names and field in fields - set(self.names):
                systems.setdefault(row.partition("_")[0], {})[field] = row
        found: dict[str, str] = {}
        for system in sorted(systems.values(), key=len, reverse=True):  # the first of equal ones
            found = system | found
        return found

    def rows(self, names: Sequence[str]) -> Int64[Tensor, " fields"]:
        """Rows of all fields of one system; ``ValueError`` if the vocabulary lacks one."""
        renamed = self.published(names)
        for name in names:
            if name not in self.names and name not in renamed:
                raise ArgumentError("fields", f"no {name!r}; there are {', '.join(self.names)}")
        rows = [self.names.index(renamed.get(name, name)) for name in names]
        return torch.tensor(rows, dtype=torch.int64)

    def with_new(self, names: Sequence[str]) -> "Vocabulary":
        """Vocabulary with the fields of one system appended that have no row."""
        renamed = self.published(names)
        new = [name for name in names if name not in renamed]
        return Vocabulary(tuple(dict.fromkeys((*self.names, *new))))

    def alike(self, name: str) -> str | None:
        """The row whose field is most like that of another name; None if there is none."""
        rows = {ROWS.get(row, row): row for row in reversed(self.names)}
        near = get_close_matches(SYMBOLS.get(name.lower(), name.lower()), rows, 1, 0.7)
        return rows[near[0]] if near else None
