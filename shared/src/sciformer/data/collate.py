"""Collate samples that are already stacked in one block of memory."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from torch import Tensor
from torch.utils.data import default_collate


class Gathered(Sequence[Any]):
    """Samples of a batch, each a view of stacked arrays.

    Args:
        kind: Type of a sample: ``dict`` or a NamedTuple.
        fields: Field -> values of all samples, with the samples along the first axis.
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
        """Write a sample to its row."""
        fields = sample if isinstance(sample, dict) else sample._asdict()
        for name, array in self._arrays.items():
            array[row] = fields[name]


def unchanged(batch: Any) -> Any:
    """Collate function for data sets that return whole batches (``__getitems__``)."""
    return batch


def stack(samples: Sequence[Any]) -> Any:
    """Collate samples like torch, but without a copy if they are already stacked."""
    return samples.whole if isinstance(samples, Gathered) else default_collate(list(samples))
