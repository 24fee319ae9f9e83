"""Between numbers of any unit and the few units that a network resolves, field by field.

The paper asks for numbers in [-5, 5] and leaves open how they get there. A field is a column, or
whatever shares a scale; all fields' transforms are plain data for a checkpoint.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from sciformer.arguments import ArgumentError
from xval.encodings.special_tokens import NUM

KINDS = ("linear", "standard", "log", "asinh")
PAPERS = "linear"
LARGEST = 5.0  # where the norm after the embedding has left 1/130 of a number's slope

RANGE = 1e30  # of sizes that float32 holds with their unit


def fit_transform(
    values: Float[Tensor, " samples"], kind: str, unit: float | None = None
) -> dict[str, float | str]:
    """The transform of one field, from a sample of its numbers.

    ``linear`` divides by the largest size / 5; ``standard`` takes mean and deviation to 0 and 1;
    ``log`` is sign(x) log(1 + |x| / unit) and ``asinh`` is asinh(x / unit), both standardized.

    Args:
        values: Numbers of the training set.
        kind: Of the transform.
        unit: Of ``log`` and ``asinh``: what is much smaller counts as zero; the smallest size of a
            number that is not zero, unless given.

    Returns:
        Plain data: ``kind``, ``unit``, ``offset`` and ``scale``.

    Raises:
        ValueError: If the kind is unknown, there are no values, one is not finite, or ``unit`` is
            not positive.
    """
    if kind not in KINDS:
        raise ArgumentError("transform", f"{kind!r} is none of {', '.join(KINDS)}")
    if not len(values) or not values.isfinite().all():
        raise ArgumentError("transform", f"{kind}: no numbers, or one that is not finite")
    x = values.double()
    if unit is None:
        sizes = x[x != 0].abs()
        bent = kind in ("log", "asinh") and len(sizes)
        unit = max(sizes.min().item(), sizes.max().item() / RANGE) if bent else 1.0
    if not 0 < unit < float("inf"):
        raise ArgumentError("unit", f"{unit} is not positive")
    if kind == "linear":
        return _plain(kind, unit, 0.0, x.abs().max().item() / LARGEST)
    y = _forward(x / unit, torch.tensor(KINDS.index(kind)))
    return _plain(kind, unit, y.mean().item(), y.std(correction=0).item())


def fit_transforms(
    values: Float32[Tensor, " numbers"],
    fields: Int64[Tensor, " numbers"],
    names: Sequence[str],
    kinds: str | Mapping[str, str],
) -> dict[str, dict[str, float | str]]:
    """The transforms of all fields, from the numbers of a training set.

    Args:
        values: All numbers.
        fields: The field of each.
        names: Of the fields. One without numbers gets the transform of all numbers together.
        kinds: Of all transforms, or of each field's; that of ``*`` is for all others, ``linear``
            if there is none.

    Returns:
        Plain data of each field, for ``Transforms``.

    Raises:
        ValueError: If a kind or a field is unknown, or there are no numbers.
    """
    for unknown in [] if isinstance(kinds, str) else sorted(set(kinds) - {"*", *names}):
        there = ", ".join(filter(None, names))
        raise ArgumentError("transform", f"no field {unknown!r}; there are {there}")
    fitted = {}
    for index, name in enumerate(names):
        kind = kinds if isinstance(kinds, str) else kinds.get(name, kinds.get("*", PAPERS))
        mine = values[fields == index]
        fitted[name] = fit_transform(mine if len(mine) else values, kind)
    return fitted


class Transforms:
    """The transforms of all fields, computed in float32.

    Args:
        fields: Of each field what ``fit_transform`` gives; their order numbers the fields.
    """

    def __init__(self, fields: Mapping[str, Mapping[str, float | str]]) -> None:
        self.fields = {name: dict(plain) for name, plain in fields.items()}
        self.names = list(self.fields)
        plain = list(self.fields.values())
        self.kinds = torch.tensor([KINDS.index(str(field["kind"])) for field in plain])
        self.unit, self.offset, self.scale = (
            torch.tensor([float(field[key]) for field in plain], dtype=torch.float32)
            for key in ("unit", "offset", "scale")
        )

    def index(self, names: Sequence[str]) -> Int64[Tensor, " names"]:
        """Numbers of fields.

        Args:
            names: Of the fields.

        Returns:
            Their indices.

        Raises:
            ValueError: If there is no such field.
        """
        for name in names:
            if name not in self.fields:
                raise ValueError(f"no field {name!r}; there are {', '.join(self.names)}")
        return torch.tensor([self.names.index(name) for name in names], dtype=torch.int64)

    def forward(
        self, numbers: Float[Tensor, "*batch"], fields: Int64[Tensor, "*#batch"]
    ) -> Float[Tensor, "*batch"]:
        """What the network sees of numbers.

        Args:
            numbers: In their own units.
            fields: The field of each.

        Returns:
            Transformed numbers.
        """
        kinds, unit, offset, scale = self._of(fields)
        return (_forward(numbers / unit, kinds) - offset) / scale

    def channel(
        self,
        tokens: Int64[Tensor, "*batch"],
        numbers: Float[Tensor, "*batch"],
        fields: Int64[Tensor, "*batch"],
    ) -> Float[Tensor, "*batch"]:
        """The number channel that the network sees.

        Args:
            tokens: Ids.
            numbers: The number channel in the numbers' own units.
            fields: The field of each number.

        Returns:
            Transformed numbers where a token is [NUM], 1 at all else.
        """
        return self.forward(numbers, fields).where(tokens == NUM, 1.0)

    def inverse(
        self, values: Float[Tensor, "*batch"], fields: Int64[Tensor, "*#batch"]
    ) -> Float[Tensor, "*batch"]:
        """Numbers in their own units.

        Args:
            values: As the network answers.
            fields: The field of each.

        Returns:
            Numbers.
        """
        kinds, unit, offset, scale = self._of(fields)
        y = values * scale + offset
        size = y.abs()
        log, asinh = size.expm1().copysign(y), y.sinh()
        return torch.where(kinds < 2, y, torch.where(kinds == 2, log, asinh)) * unit

    def _of(self, fields: Tensor) -> tuple[Tensor, ...]:
        held = (self.kinds, self.unit, self.offset, self.scale)
        return tuple(tensor.to(fields.device)[fields] for tensor in held)


def _forward(x: Tensor, kinds: Tensor) -> Tensor:
    log, asinh = x.abs().log1p().copysign(x), x.asinh()
    return torch.where(kinds < 2, x, torch.where(kinds == 2, log, asinh))


def _plain(kind: str, unit: float, offset: float, scale: float) -> dict[str, float | str]:
    return {"kind": kind, "unit": unit, "offset": offset, "scale": scale or 1.0}
