"""LightningDataModule of xVal: simulated sets, files or shards; splits and loaders."""

import warnings
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from sciformer.arguments import ArgumentError, check_least, check_share, inside
from sciformer.data.datamodule import DataModule
from sciformer.data.loader import SeededLoader
from sciformer.data.splits import shares_of
from xval.data.corpus import Corpus, Encoder, together
from xval.data.dataset import EncodedTexts
from xval.data.marked import marked
from xval.data.name_lists import listed
from xval.data.sampler import LengthBatches
from xval.data.sources import SPLITS, Source, open_files, open_set, open_shards
from xval.data.splits import OOD, check_label, split_texts
from xval.encodings.digits import LOWEST
from xval.encodings.encoding import Encoding
from xval.encodings.words import frequent_words

HEAD = 256  # texts of each source that the words are taken from


class Numbers(NamedTuple):
    """All numbers of the training texts, with field and target pattern.

    Args:
        values: Values as written in the texts.
        fields: Field of each number; 0 if it has no field name.
        asked: Pattern in ``TextData.patterns`` that selects the number as target; -1 for none.
    """

    values: Float32[np.ndarray, " numbers"]
    fields: Int64[np.ndarray, " numbers"]
    asked: Int64[np.ndarray, " numbers"]


class TextData(DataModule):
    """Texts with numbers from simulated sets, CSV or JSON files, weather stations, or shards.

    Args:
        sets: Simulated sets: names, or tables with ``set``, ``count``, ``seed``, ``parameters``,
            ``name``, ``split`` and ``answers``.
        files: CSV, TSV or JSON-lines files: paths, glob patterns, or tables with ``path``;
            ``columns``, ``text``, ``id`` and ``labels``, or for a weather station ``target``,
            ``columns``, ``known``, ``history``, ``date`` and ``station``; ``name``, ``split`` and
            ``answers``.
        shards: Folder or address of texts written by ``xval simulate``.
        encoding: ``xval``, ``p10``, ``p1000``, ``b1999`` or ``fp15``.
        clip: Encode numbers out of range as the nearest in range, instead of raising an error.
        lowest: Smallest of the 16 exponents of the text encodings, which represent numbers from
            10^(lowest + 2) to 9.99 x 10^(lowest + 17).
        words: Pieces of text that are single tokens; ``None`` finds the most frequent ones.
        fields: Names of the number fields; ``None`` finds them.
        answers: Patterns that select the target numbers; ``None`` takes those of the sets.
        gaps: Pattern -> open interval. Texts with such a number in the interval are excluded from
            training and tested as out of distribution.
        split_by: Label that decides the split: ``date`` splits chronologically, ``id`` or any other
            label by hash.
        splits: Fractions of ``train``, ``val`` and ``test``, of which 0 means none.
        hide: Masking probability of each word and number in masked language modeling.
        ask: Fraction of the texts in which exactly the target numbers are masked.
        context: Maximum number of tokens per text.
        end: Append [END], at which generation stops.
        batch_size: Texts per step, over all devices.
        workers: Loader processes per device; 0 loads in the main process.
        seed: Seed of order, masks and simulated sets (the first set uses this seed, the next one
            this plus 1, and so on).

    Raises:
        ValueError: For a number out of range, or a file that cannot be read.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what a YAML says of the data
        self,
        sets: list[str | dict[str, Any]] | None = None,
        files: list[str | dict[str, Any]] | None = None,
        shards: str | None = None,
        encoding: str = "xval",
        clip: bool = False,
        lowest: int = LOWEST,
        words: list[str] | None = None,
        fields: list[str] | None = None,
        answers: list[str] | None = None,
        gaps: dict[str, list[float]] | None = None,
        split_by: str = "id",
        splits: dict[str, float] | None = None,
        hide: float = 0.3,
        ask: float = 0.0,
        context: int = 1024,
        end: bool = False,
        batch_size: int = 64,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, workers, seed)
        check_least(context=(context, 1))
        check_share(hide=hide, ask=ask)
        self.shares = shares_of(splits)
        Encoding(encoding)  # an unknown one is said before files are read
        self.sources, laid_out = _open(sets or [], files or [], shards, split_by, seed)
        if files:
            self.hparams["files"] = laid_out  # a checkpoint reads other tables like these
        if answers is not None:
            self.sources = [source._replace(answers=answers) for source in self.sources]
        if words is None:
            heads = (source.texts(0, min(HEAD, source.size)) for source in self.sources)
            words = frequent_words(marked(text).cut for head in heads for text in head.texts)
        self.hparams["words"] = words  # a checkpoint keeps its tokens
        self.code = Encoding(encoding, words, lowest, clip)
        patterns = dict.fromkeys(chain(*(source.answers for source in self.sources)))
        intervals = {key: _interval(key, ends) for key, ends in (gaps or {}).items()}
        self.encoder = Encoder(self.code, list(patterns), intervals, fields, context, end)
        self.split_by = split_by
        self.hide, self.ask, self.context = hide, ask, context
        self.corpus: Corpus | None = None
        self.ids: list[str] = []
        self.texts: dict[str, dict[str, Int64[np.ndarray, " texts"]]] = {}

    @property
    def coding(self) -> dict[str, Any]:
        """Settings of the encoding as plain data."""
        return self.code.settings()

    @property
    def batches(self) -> int:
        """Batches per epoch."""
        texts = len(self._texts("train")[1])
        return texts // self._batch_size(texts)

    def _batch_size(self, texts: int) -> int:
        """Texts per step: all of them, if a batch would hold more."""
        _, world = self.rank()
        return self.batch_size if texts >= self.batch_size else max(texts // world * world, 1)

    @property
    def patterns(self) -> list[str]:
        """Patterns of the target numbers; ``Batch.asked`` is an index into them."""
        return self.encoder.patterns

    @property
    def fields(self) -> list[str]:
        """Names of the fields; ``Batch.fields`` is an index into them. 0 is for unnamed numbers."""
        return self.encoder.fields

    @property
    def names(self) -> list[str]:
        """Names of the sources, in the order of the test; ``<name>/ood`` is out of distribution."""
        return list(self._tested())

    def _tested(self) -> dict[str, Int64[np.ndarray, " texts"]]:
        self._texts("test")
        outside = {f"{name}/ood": texts for name, texts in self.texts["ood"].items()}
        return self.texts["test"] | outside

    def check(self) -> None:
        """Encode all texts before training writes anything, to find errors early.

        Raises:
            ValueError: Naming the text at fault, or an option that no number of the texts fits.
        """
        texts = len(self._texts("train")[1])
        if texts < self.batch_size:
            line = f"batch_size: {self.batch_size} is more than the {texts} texts: a batch is all"
            warnings.warn(line, stacklevel=2)
        shared_out = any(source.split is None for source in self.sources)
        for split in ("val", "test"):
            if shared_out and self.shares[split] > 0:
                self._texts(split)
        self.encoder.check()

    def setup(self, stage: str | None = None) -> None:
        if self.corpus is not None:
            return
        encoded = [(source, *self.encoder.encode(source)) for source in self.sources]
        self.texts, first = {split: {} for split in SPLITS}, 0
        labelled = [(source, labels) for source, _, labels in encoded]
        splits = split_texts(labelled, self.split_by, self.shares)
        for (source, corpus, labels), split in zip(encoded, splits, strict=True):
            owners = np.where(corpus.outside, OOD, split)
            for kind, name in enumerate(SPLITS):
                mine = first + np.flatnonzero(owners == kind)
                before = self.texts[name].get(source.name, np.empty(0, np.int64))
                if len(mine) + len(before):
                    self.texts[name][source.name] = np.concatenate([before, mine])
            first += source.size
            self.ids += map(str, labels["id"])
        self.corpus = together([corpus for _, corpus, _ in encoded])
        self.hparams["fields"] = list(self.fields)
        if unknown := sorted(self.encoder.unknown):
            line = f"fields: {listed(unknown)} were not trained on: their numbers have no field"
            warnings.warn(line, stacklevel=2)

    def numbers_of(self, split: str) -> Numbers:
        """All numbers of the texts of a split."""
        corpus, texts = self._texts(split)
        chosen = np.zeros(len(corpus.outside), bool)
        chosen[texts] = True
        here = np.repeat(chosen, corpus.counts)
        fields, asked = (x[here].astype(np.int64) for x in (corpus.fields, corpus.asked))
        return Numbers(corpus.values[here], fields, asked - 1)

    def train_numbers(self) -> Numbers:
        """All numbers of the training texts, used to fit normalizations and baselines."""
        return self.numbers_of("train")

    def train_dataloader(self) -> SeededLoader:
        corpus, texts = self._texts("train")
        rank, world = self.rank()
        size = self._batch_size(len(texts))
        order = LengthBatches(corpus.lengths[texts], size, self.seed, rank, world)
        return self.by_order(self._encoded(texts), order)

    def val_dataloader(self) -> SeededLoader | list[SeededLoader]:
        return [] if self.without("val") else self._in_order(self._texts("val")[1])

    def test_dataloader(self) -> list[SeededLoader]:
        return [self._in_order(texts) for texts in self._tested().values()]

    def texts_of(self, split: str) -> EncodedTexts:
        """All texts of a split, the same on every rank; none if its share is 0."""
        self.setup()
        chosen = [np.empty(0, np.int64), *self.texts[split].values()]
        return self._encoded(self._longest_first(np.concatenate(chosen)))

    @property
    def predicted(self) -> dict[str, list[str]]:
        """Sources of the test split, as in ``names``, with the ids of their texts."""
        tested = {name: self._longest_first(texts) for name, texts in self._tested().items()}
        return {name: [self.ids[text] for text in texts] for name, texts in tested.items()}

    def _texts(self, split: str) -> tuple[Corpus, Int64[np.ndarray, " texts"]]:
        self.setup()
        assert self.corpus is not None
        parts = list(self.texts[split].values())
        if split == "test":  # a test in the gaps alone is one
            parts += self.texts["ood"].values()
        if not parts:
            raise ArgumentError("splits", f"{self.shares} leaves none of the texts for {split}")
        return self.corpus, np.concatenate(parts)

    def _encoded(self, texts: Int64[np.ndarray, " texts"]) -> EncodedTexts:
        assert self.corpus is not None
        return EncodedTexts(self.corpus, texts, self.code, self.hide, self.ask, self.seed)

    def _in_order(self, texts: Int64[np.ndarray, " texts"]) -> SeededLoader:
        return self.in_order(self._encoded(self._longest_first(texts)), self.batch_size)

    def _longest_first(self, texts: Int64[np.ndarray, " texts"]) -> Int64[np.ndarray, " texts"]:
        assert self.corpus is not None
        return texts[np.argsort(-self.corpus.lengths[texts], kind="stable")]


def _open(
    sets: Sequence[str | dict[str, Any]],
    files: Sequence[str | dict[str, Any]],
    shards: str | None,
    split_by: str,
    seed: int,
) -> tuple[list[Source], list[dict[str, Any]]]:
    """Open all sources; also the entries of the files with the columns and types they have."""
    found, laid_out = [], []
    for index, entry in enumerate(sets):
        with inside(f"sets[{index}]", entry):
            found.append(open_set(entry, seed + index))
    for index, entry in enumerate(files):
        with inside(f"files[{index}]", entry):
            opened = open_files(entry, split_by)
        for source in opened:
            check_label(source, source.texts(0, 1).labels, split_by)
        found += opened
        given = {"path": entry} if isinstance(entry, str) else dict(entry)
        path = given["path"] if isinstance(given["path"], str) else opened[0].name
        laid_out.append({**given, **opened[0].layout, "path": path})
    if shards is not None:
        with inside("shards", shards):
            found.append(open_shards(shards))
    if not found:
        reason = "empty, and so are files and shards: there is nothing to train on"
        raise ArgumentError("sets", reason)
    return found, laid_out


def _interval(key: str, ends: Sequence[float]) -> tuple[float, float]:
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise ArgumentError("gaps", f"{key}: {ends} is no interval")
    return float(ends[0]), float(ends[1])
