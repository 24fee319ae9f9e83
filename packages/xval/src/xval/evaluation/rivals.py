"""A network and the baselines on the same texts, with intervals from the validation texts."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from sciformer.data.loader import SeededLoader
from sciformer.evaluation.comparison import MODEL
from sciformer.evaluation.conformal import LEAST
from xval.data.batch import Batch
from xval.data.dataset import EncodedTexts
from xval.evaluation.baselines import Baselines, Predicted
from xval.evaluation.comparison import Comparison
from xval.nn.intervals import Aside, Intervals

if TYPE_CHECKING:
    from xval.data.datamodule import TextData
    from xval.module import XValModule

ALL = ""  # sets together


class Rivals:
    """A network and the baselines.

    The checkpoint was chosen on the validation texts, so that its intervals may be a little narrow.

    Args:
        module: The network, in evaluation mode.
        training: Its training data: baselines are fitted to the training texts, the intervals of
            all are calibrated on the validation texts, if there are any: those of each set with at
            least 100 answers by its own, the others by all together.
    """

    def __init__(self, module: "XValModule", training: "TextData") -> None:
        self.module, self.baselines = module, Baselines(training)
        self.intervals: dict[str, dict[str, Intervals]] = {}
        texts = training.texts_of("val")
        if len(texts) and training.patterns:
            told = _answered(module, texts, texts.batches(training.batch_size))
            methods = self._methods(training, told)
            everywhere = np.ones(len(told.asked), bool)
            self.intervals[ALL] = self._calibrated(told, methods, everywhere)
            for name, own in training.texts["val"].items():
                mine = np.isin(told.owners, own)
                if mine.sum() >= LEAST:
                    self.intervals[name] = self._calibrated(told, methods, mine)

    def _calibrated(
        self, told: "_Answered", methods: dict[str, Predicted], mine: Bool[np.ndarray, " answers"]
    ) -> dict[str, Intervals]:
        """Intervals of each method, from some of the validation texts."""
        found = {}
        for name, each in methods.items():
            there = mine & ~np.isnan(each.numbers)
            aside = Aside(told.aside.fields, told.aside.truth, *each)
            units = self.module.units if name == MODEL else None
            found[name] = Intervals(Aside(*(x[there] for x in aside)), units)
        return found

    def compare(self, name: str, loader: SeededLoader, data: "TextData") -> Comparison:
        """Predict all target numbers of a set, by the network and the baselines.

        Args:
            name: Name of the set.
            loader: Loader of its texts.
            data: Data of the loader.

        Returns:
            The predictions.

        Raises:
            ValueError: If there are no target numbers.
        """
        texts = loader.dataset
        assert isinstance(texts, EncodedTexts)
        told = _answered(self.module, texts, loader)
        if not len(told.asked):
            raise ValueError(f"{name}: answers: no number of its texts is asked for")
        methods = self._methods(data, told)
        intervals = self.intervals.get(name, self.intervals.get(ALL, {}))
        spreads = {
            method: intervals[method].of(told.aside.fields, *each)
            for method, each in methods.items()
            if method in intervals
        }
        answers = {method: each.numbers for method, each in methods.items()}
        return Comparison(
            name,
            data.patterns,
            told.asked,
            told.aside.truth.astype(np.float64),
            {**answers, MODEL: told.aside.numbers.astype(np.float64)},
            len(told.texts),
            float(texts.corpus.lengths[told.texts].mean()),
            told.cpu_s,
            spreads,
        )

    def _methods(self, data: "TextData", told: "_Answered") -> dict[str, Predicted]:
        """Predictions by method; an answer of the network that is no number counts as 0."""
        own = Predicted(np.nan_to_num(told.aside.numbers), np.nan_to_num(told.aside.quantiles))
        return {MODEL: own, **self.baselines.answer(data, told.texts)}


class _Answered(NamedTuple):
    """Answers of the network, with their patterns and texts, all texts, and CPU time."""

    aside: Aside
    asked: Int64[np.ndarray, " answers"]
    owners: Int64[np.ndarray, " answers"]
    texts: Int64[np.ndarray, " texts"]
    cpu_s: float


def _answered(module: "XValModule", texts: EncodedTexts, batches: Iterable[Batch]) -> _Answered:
    parts, asked, owners, order, cpu_s = [], [], [], [], 0.0
    for batch in batches:
        start = time.process_time()
        parts.append(module.asked(batch))
        cpu_s += time.process_time() - start
        asked.append(batch.asked[batch.asked >= 0].numpy())
        order.append(texts.texts[batch.samples.numpy() % len(texts)])
        owners.append(order[-1][(batch.asked >= 0).nonzero()[:, 0].numpy()])
    every, own, whole = map(np.concatenate, (asked, owners, order))
    return _Answered(Aside.joined(parts), every, own, whole, cpu_s)
