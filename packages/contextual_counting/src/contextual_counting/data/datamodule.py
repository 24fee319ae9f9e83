"""LightningDataModule of counting: sequences drawn at every step or read from shards."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor
from torch.utils.data import TensorDataset

from contextual_counting.data.curriculum import Part, Stage, check, window
from contextual_counting.data.shards import Sample, ranges_of
from contextual_counting.simulate.sequences import Sequences, simulate
from sciformer.arguments import ArgumentError, check_least, inside
from sciformer.data.collate import stack
from sciformer.data.datamodule import DataModule
from sciformer.data.loader import SeededLoader, generated_loader, seeded_loader
from sciformer.data.shards.dataset import ShardedDataset

TRAIN, VALIDATION, TEST = range(3)  # first word of every seed: the three never share a stream
TOKENS = 2**13  # per batch of the evaluation; 2^16 take twice as long per token on a CPU
GRAIN = 4  # batches that are shortened are multiples of it, so that they split over 2 or 4 ranks
VALIDATION_SAMPLES = 1000


class Batch(NamedTuple):
    """Sequences, and the number of 1s in each region (-100 for no such region)."""

    tokens: Int64[Tensor, "batch time"]
    counts: Int64[Tensor, "batch regions"]


class Setting(NamedTuple):
    """Distribution of an evaluation set: length, number of regions and probability of a 1."""

    length: int
    regions: int
    density: float


class CountingData(DataModule):
    """Random sequences with delimited regions (Golkar et al. 2024, section 1).

    Args:
        length: Tokens per sequence, T in the paper; the beginning-of-sequence token is not counted.
        regions: Regions per sequence, R in the paper; at most half of ``length``.
        density: Probability that a token is a 1, between 0 and 1.
        batch_size: Sequences per optimizer step, over all devices.
        steps: Number of batches; each is an optimizer step, unless gradients accumulate.
        stages: Stages of a training in which these vary; ``None`` is one stage without variation.
        samples: Sequences per evaluation set.
        workers: Processes per device that draw or load; 0 uses the main process.
        seed: Seed of the training sequences; evaluation sets do not depend on it.
        shards: Folder or address written by ``simulate``, to train on instead of drawing; an epoch
            is one pass over it. ``length``, ``regions`` and ``density`` then only apply to
            evaluation.
        epochs: Passes over the shards; set by ``trainer.max_epochs`` on the command line.
        damaged: ``stop`` at a damaged sequence of the shards, or ``skip`` it: the next intact one
            replaces it, with a warning.

    Raises:
        ValueError: For a number out of range, sequences too short for their regions, or shards that
            cannot be read.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what a YAML says of the data
        self,
        length: int = 512,
        regions: int = 4,
        density: float = 0.5,
        batch_size: int = 16,
        steps: int = 1000,
        stages: list[Stage] | None = None,
        samples: int = 4000,
        workers: int = 0,
        seed: int = 0,
        shards: str | None = None,
        epochs: int | None = 1,
        damaged: Literal["stop", "skip"] = "stop",
    ) -> None:
        super().__init__(batch_size, workers, seed)
        own = Part(steps, batch_size, (length, length), 0.0, (regions, regions), (density, density))
        check_least(samples=(samples, 1))
        check(own, "length")
        self.own = Setting(length, regions, density)
        self.on_disk = None
        if shards is not None:
            with inside("shards", shards):
                self.on_disk = ShardedDataset(shards, Sample, damaged)
            own = _part(self.on_disk, own, epochs)
            stages = self._only(stages, own)
        self.parts = []
        for index, stage in enumerate(stages or [Stage()]):
            with inside(f"stages[{index}]", stage):
                for unknown in sorted(stage.keys() - own._asdict().keys()):
                    raise ArgumentError(unknown, "is not a part of a stage")
                pairs = {k: tuple(v) if isinstance(v, list) else v for k, v in stage.items()}
                self.parts.append(own._replace(**pairs))
                check(self.parts[-1])
        self.samples = samples

    def _only(self, stages: list[Stage] | None, own: Part) -> list[Stage]:
        """The single stage of a training on shards; stored in checkpoints, to evaluate without."""
        held = [Stage(lengths=[*own.lengths], regions=[*own.regions], density=[*own.density])]
        if stages not in (None, held):
            raise ArgumentError("stages", "with shards nothing is drawn; leave them out (null)")
        self.hparams["stages"] = held
        return held

    @property
    def stage_steps(self) -> list[int]:
        """Batches of each stage."""
        return [part.steps for part in self.parts]

    @property
    def most_regions(self) -> int:
        """Most regions of a training sequence; with shards, at least that of ``id``."""
        most = max(part.regions[1] for part in self.parts)
        return most if self.on_disk is None else max(most, self.own.regions)

    @property
    def longest(self) -> int:
        """Maximum length of a training sequence in tokens; with shards, at least that of ``id``."""
        longest = max(part.lengths[1] for part in self.parts)
        return longest if self.on_disk is None else max(longest, self.own.length)

    @property
    def settings(self) -> dict[str, Setting]:
        """Evaluation sets: ``length``, ``regions`` and ``density``, and one of them changed."""
        return {
            "id": self.own,
            "t300": self.own._replace(length=300),
            "r3": self.own._replace(regions=3),
            "t1024": self.own._replace(length=1024),
            "density0.3": self.own._replace(density=0.3),
        }

    @property
    def further(self) -> dict[str, Setting]:
        """Optional, harder evaluation sets: many regions, very long sequences."""
        return {"r12": self.own._replace(regions=12), "t2048": self.own._replace(length=2048)}

    def outside(self, setting: Setting) -> list[str]:
        """Properties of a setting outside the training range, as text."""
        ranges = {
            "length": (number for part in self.parts for number in part.lengths),
            "regions": (number for part in self.parts for number in part.regions),
            "density": (number for part in self.parts for number in part.density),
        }
        reasons = []
        for name, values in ranges.items():
            known = sorted(values)
            value = getattr(setting, name)
            if not known[0] <= value <= known[-1]:
                reasons.append(f"{name} {value} not in {known[0]}-{known[-1]}")
        return reasons

    def draw(self, step: int) -> Batch:
        """Global batch of a training step: a pure function of the seed and the step."""
        starts = [0, *accumulate(self.stage_steps)]
        within = step % starts[-1]
        index = bisect_right(starts, within) - 1
        part = self.parts[index]
        rng = np.random.default_rng([TRAIN, self.seed, step])
        shortest, longest = window(part, (within - starts[index]) / part.steps)
        length = round(shortest * (longest / shortest) ** rng.random())
        size = part.batch_size
        if length > part.lengths[0]:
            size = size * part.lengths[0] // length
            size = max(GRAIN, size // GRAIN * GRAIN)
        return _batch(simulate(rng, size, length, part.regions, part.density, part.uneven))

    def evaluation(self, name: str, kind: int = TEST, samples: int | None = None) -> Batch:
        """Sequences of an evaluation set, in one batch.

        Args:
            name: Name in :attr:`settings` or :attr:`further`.
            kind: ``TEST``, or ``VALIDATION`` for sequences that training may use.
            samples: Number of sequences; ``None`` uses the default of the data.

        Returns:
            The sequences, which do not depend on the training seed.
        """
        return self.sequences((self.settings | self.further)[name], kind, samples)

    def sequences(self, setting: Setting, kind: int = TEST, samples: int | None = None) -> Batch:
        """Sequences of any distribution, always the same ones.

        Args:
            setting: Distribution of the sequences.
            kind: ``TEST``, or ``VALIDATION`` for sequences that training may use.
            samples: Number of sequences; ``None`` uses the default of the data.

        Returns:
            All sequences in one batch.
        """
        length, regions, density = setting
        rng = np.random.default_rng([kind, length, regions, round(1000 * density)])
        size = self.samples if samples is None else samples
        return _batch(simulate(rng, size, length, (regions, regions), (density, density)))

    def at_once(self, length: int) -> int:
        """Sequences per evaluation batch on one device, chosen to fit in the cache."""
        return max(1, TOKENS // length)

    def train_dataloader(self) -> SeededLoader:
        rank, world = self.rank()
        if self.on_disk is not None:
            (part,) = self.parts
            return seeded_loader(
                self.on_disk,
                part.batch_size,
                self.seed,
                rank=rank,
                world=world,
                workers=self.workers,
                collate=collate,
            )
        steps = sum(self.stage_steps)
        return generated_loader(self.draw, steps, rank=rank, world=world, workers=self.workers)

    def val_dataloader(self) -> SeededLoader:
        return self._in_order(self.evaluation("id", VALIDATION, VALIDATION_SAMPLES))

    def test_dataloader(self) -> list[SeededLoader]:
        return [self._in_order(self.evaluation(name)) for name in self.settings]

    @property
    def predicted(self) -> dict[str, list[str]]:
        """Evaluation sets, whose sequences are numbered."""
        return {name: [str(i) for i in range(self.samples)] for name in self.settings}

    def _in_order(self, whole: Batch) -> SeededLoader:
        size = self.at_once(whole.tokens.shape[1]) * self.rank()[1]
        return self.in_order(TensorDataset(*whole), size, collate=collate)


def collate(samples: Sequence[tuple[Any, Any]]) -> Batch:
    """Stack sequences and their counts into a batch."""
    tokens, counts = stack(samples)
    return Batch(tokens.long(), counts.long())


def _part(on_disk: ShardedDataset, own: Part, epochs: int | None) -> Part:
    """Stage that describes the content of shards."""
    ranges, count = ranges_of(on_disk.folder), len(on_disk)
    if not 1 <= own.batch_size <= count:
        reason = f"{own.batch_size} is not one of 1 to {count}, all sequences"
        raise ArgumentError("batch_size", reason)
    if epochs is None or epochs < 1:  # Lightning's words for no end, which no schedule can have
        reason = f"{epochs} is no number of passes over shards; trainer.max_epochs is"
        raise ArgumentError("epochs", reason)
    steps = epochs * (count // own.batch_size)
    lengths = (ranges.length, ranges.length)
    return Part(steps, own.batch_size, lengths, 0.0, ranges.regions, ranges.density)


def _batch(sequences: Sequences) -> Batch:
    return Batch(torch.from_numpy(sequences.tokens), torch.from_numpy(sequences.counts))
