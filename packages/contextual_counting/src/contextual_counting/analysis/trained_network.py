"""The trained network of an analysis, and its sequences."""

import re
from typing import TYPE_CHECKING, NamedTuple

from jaxtyping import Int64
from torch import Tensor

from contextual_counting.data.datamodule import VALIDATION, Setting

if TYPE_CHECKING:
    from contextual_counting.data.datamodule import Batch, CountingData
    from contextual_counting.module import CountingModule
    from contextual_counting.nn.model import CountingTransformer

FEW, MANY = 64, 1000  # sequences for figures and interventions, and for means


class Case(NamedTuple):
    """The trained network of an analysis, and its sequences.

    Args:
        module: Trained module, in evaluation mode.
        data: Data module of its training.
        samples: Sequences per set.
        given: Sequences of one's own that are analyzed in place of the training distribution.
    """

    module: "CountingModule"
    data: "CountingData"
    samples: int
    given: "Batch | None" = None

    @property
    def model(self) -> "CountingTransformer":
        """The network."""
        return self.module.model

    @property
    def regions(self) -> int:
        """Number of regions of the sequences."""
        return self.data.own.regions if self.given is None else self.given.counts.shape[1]

    @property
    def sets(self) -> dict[str, Setting]:
        """Sets that the network can process; the training distribution first."""
        every = self.data.settings | self.data.further
        can = self.module.can_answer
        return {name: s for name, s in every.items() if can(s.length, s.regions)}

    def own(self, samples: int = MANY) -> "Batch":
        """Validation sequences of the run's own distribution, or those given."""
        if self.given is not None:
            return type(self.given)(*(part[:samples] for part in self.given))
        return self.data.sequences(self.data.own, VALIDATION, samples)

    def few(self) -> Int64[Tensor, "batch time"]:
        """The first few of these sequences."""
        return self.own(FEW).tokens


def key(name: str) -> str:
    """A kind of token in the key of a metric: ``own [`` is ``own_open``."""
    return re.sub(r"[ /]", "_", name.replace("[", "open").replace("]", "close"))


def region_names(regions: int) -> list[str]:
    """Column headings."""
    return [f"region {region + 1}" for region in range(regions)]
