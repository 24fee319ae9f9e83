"""Samples that lie in one block of memory, batched already."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from torch import Tensor
from torch.utils.data import default_collate


class Gathered(Sequence[Any]):
    """Samples of a batch, each a view of what they all are together.

    Args:
        kind: What a sample is: ``dict`` or a NamedTuple.
        fields: Field -> values of all samples, with the samples in front.
    """

    def __init__(self, kind: type[Any], fields: dict[str, Tensor]) -> None:
        self.whole = kind(**fields)
        self._kind = kind
        self._arrays = {name: values.numpy() for name, values in fields.items()}

    def __len__(self) -> int:
        return len(next(iter(self._arrays.values())))

    def __getitem__(self, row: Any) -> Any:
        return self._samples[row]

    @cached_property
    def _samples(self) -> list[Any]:
        rows = range(len(self))
        columns = [[array[row, ...] for row in rows] for array in self._arrays.values()]
        names = list(self._arrays)
        return [
            self._kind(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)
        ]

    def put(self, row: int, sample: Any) -> None:
        """Put a sample in its place."""
        fields = sample if isinstance(sample, dict) else sample._asdict()
        for name, array in self._arrays.items():
            array[row] = fields[name]


def unchanged(batch: Any) -> Any:
    """Collate what a data set has put together by itself (``__getitems__``)."""
    return batch


def stack(samples: Sequence[Any]) -> Any:
    """Collate samples as torch does, without a copy where they lie together already."""
    return samples.whole if isinstance(samples, Gathered) else default_collate(list(samples))
