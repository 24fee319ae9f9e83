"""Normalization of numbers, field by field, to the range that the network resolves.

The paper asks for numbers in [-5, 5] and leaves the method open. A field is a column, or any set of
numbers on one scale; the transforms of all fields are plain data for a checkpoint.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from sciformer.arguments import ArgumentError
from xval.encodings.special_tokens import NUM

KINDS = ("linear", "standard", "log", "asinh")
PAPERS = "linear"
LARGEST = 5.0  # where the layer norm after the embedding reduces the slope to 1/130

RANGE = 1e30  # of absolute values that float32 holds after scaling


def fit_transform(
    values: Float[Tensor, " samples"], kind: str, unit: float | None = None
) -> dict[str, float | str]:
    """Fit the transform of one field to a sample of its numbers.

    ``linear`` scales the largest absolute value to 5; ``standard`` subtracts the mean and divides
    by the standard deviation; ``log`` is sign(x) log(1 + |x| / unit) and ``asinh`` is asinh(x /
    unit), both standardized.

    Args:
        values: Numbers of the training set.
        kind: ``linear``, ``standard``, ``log`` or ``asinh``.
        unit: Scale of ``log`` and ``asinh``, above 0; smaller numbers count as about zero. By
            default the smallest absolute value that is not zero.

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
    """Fit the transforms of all fields to the numbers of a training set.

    Args:
        values: All numbers.
        fields: Field index of each number.
        names: Names of the fields. One without numbers gets the transform of all numbers together.
        kinds: Kind of all transforms, or of each field's by name; ``*`` is the kind of all others,
            ``linear`` by default.

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
    """Transforms of all fields, computed in fp32.

    Args:
        fields: Name -> result of ``fit_transform``; their order is the index of a field.
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
        """Indices of fields by name; ``ValueError`` for an unknown one."""
        for name in names:
            if name not in self.fields:
                raise ValueError(f"no field {name!r}; there are {', '.join(self.names)}")
        return torch.tensor([self.names.index(name) for name in names], dtype=torch.int64)

    def forward(
        self, numbers: Float[Tensor, "*batch"], fields: Int64[Tensor, "*#batch"]
    ) -> Float[Tensor, "*batch"]:
        """Normalize numbers, each by the transform of its field."""
        kinds, unit, offset, scale = self._of(fields)
        return (_forward(numbers / unit, kinds) - offset) / scale

    def channel(
        self,
        tokens: Int64[Tensor, "*batch"],
        numbers: Float[Tensor, "*batch"],
        fields: Int64[Tensor, "*batch"],
    ) -> Float[Tensor, "*batch"]:
        """Normalize the number channel.

        Args:
            tokens: Token ids.
            numbers: Number channel in original units.
            fields: Field index of each number.

        Returns:
            Normalized numbers where a token is [NUM], 1 elsewhere.
        """
        return self.forward(numbers, fields).where(tokens == NUM, 1.0)

    def inverse(
        self, values: Float[Tensor, "*batch"], fields: Int64[Tensor, "*#batch"]
    ) -> Float[Tensor, "*batch"]:
        """Convert normalized values back to original units."""
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
