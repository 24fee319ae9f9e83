"""Dataset of xVal: padded batches of encoded texts with masks."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Int64
from torch.utils.data import Dataset

from xval.data.batch import Batch
from xval.data.corpus import Corpus
from xval.encodings.encoding import Encoding
from xval.encodings.masking import hidden_by
from xval.encodings.special_tokens import NUM, PAD
from xval.simulate.random import uniforms

BELOW_1 = 1 - 2.0**-24  # the largest float32 that is
SURELY, NEVER = -1.0, 2.0  # draws that decide whatever the probability


class EncodedTexts(Dataset[Batch]):
    """Batches of selected texts of a corpus.

    The mask of a text depends only on the seed and the sample number (index of the text plus a
    multiple of the number of texts).

    Args:
        corpus: All texts.
        texts: Indices of the selected texts.
        code: Encoding of the corpus.
        hide: Masking probability of each word and number.
        ask: Fraction of the texts in which exactly the target numbers are masked.
        seed: Seed of the masks.
    """

    def __init__(
        self,
        corpus: Corpus,
        texts: Int64[np.ndarray, " texts"],
        code: Encoding,
        hide: float,
        ask: float,
        seed: int,
    ) -> None:
        self.corpus, self.texts, self.code = corpus, texts, code
        self.hide, self.ask, self.seed = hide, ask, seed

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, number: int) -> Batch:
        return self.__getitems__([number])

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        draws = np.array(numbers, np.int64)
        texts, corpus = self.texts[draws % len(self)], self.corpus
        lengths, counts = corpus.lengths[texts], corpus.counts[texts]
        own = _slices(corpus.starts[texts], lengths)
        of_numbers = _slices(corpus.number_starts[texts], counts)
        there = np.arange(lengths.max()) < lengths[:, None]
        tokens = np.full(there.shape, PAD, np.int64)
        tokens[there] = corpus.tokens[own]
        values = corpus.values[of_numbers]
        channel = np.ones(there.shape, np.float32)
        channel[tokens == NUM] = values if self.code.digits is None else 1.0
        is_number = self.code.is_number(tokens)
        each = self.code.length
        fields = np.zeros(there.shape, np.int64)
        fields[is_number] = np.repeat(corpus.fields[of_numbers], each)
        asked = corpus.asked[of_numbers].astype(np.int64)
        asked_tokens = np.zeros(there.shape, bool)
        asked_tokens[is_number] = np.repeat(asked > 0, each)
        hidden = self._hidden(draws, tokens, there, asked_tokens)
        first = np.flatnonzero(is_number)[::each] % there.shape[1]  # of each number, its column
        rows = np.repeat(np.arange(len(texts)), counts)[asked > 0]
        per_text = np.bincount(rows, minlength=len(texts))
        places = np.arange(per_text.max(initial=0)) < per_text[:, None]
        answers, which = (np.full(places.shape, -1, np.int64) for _ in range(2))
        truth = np.ones(places.shape, np.float32)
        answers[places] = first[asked > 0]
        which[places] = asked[asked > 0] - 1
        truth[places] = values[asked > 0]
        arrays = (tokens, channel, fields, lengths, hidden, draws, answers, truth, which)
        return Batch(*map(torch.from_numpy, arrays))

    def batches(self, size: int) -> Iterator[Batch]:
        """All texts in order, without a loader."""
        for first in range(0, len(self), size):
            yield self.__getitems__(range(first, min(first + size, len(self))))

    def _hidden(
        self, draws: np.ndarray, tokens: np.ndarray, there: np.ndarray, asked: np.ndarray
    ) -> np.ndarray:
        """Draw the masks of all texts, concatenated."""
        columns = 1 + 3 * there.shape[1]  # a text's own do not depend on those of longer ones
        drawn = uniforms(self.seed, "hidden", draws, columns)
        chance = drawn[:, 1:].astype(np.float32).clip(max=BELOW_1).reshape(*there.shape, 3)
        only = (drawn[:, 0] < self.ask) & asked.any(1)
        chance[only, :, 0] = np.where(asked[only], SURELY, NEVER)
        flat, words = torch.from_numpy(chance[there].T), torch.from_numpy(tokens[there])
        hidden = np.zeros(there.shape, bool)
        hidden[there] = hidden_by(flat, words, self.code, self.hide).numpy()
        return hidden


def _slices(
    starts: Int64[np.ndarray, " slices"], lengths: Int64[np.ndarray, " slices"]
) -> Int64[np.ndarray, " places"]:
    """Concatenated indices of several slices."""
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
