"""Sequences for training, drawn anew at every step, and the fixed sets of the evaluation."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from jaxtyping import Int64
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import Dataset

from contextual_counting.simulate import Sequences, simulate
from sciformer.data.loading import SeededLoader, generated_loader, seeded_loader

TRAIN, VALIDATION, TEST = range(3)  # first word of every seed: the three never share a stream
TOKENS = 2**13  # per batch of the evaluation; 2^16 take twice as long per token on a CPU
SPAN = 4  # between the shortest and the longest sequences while lengths grow
GRAIN = 4  # batches that are shortened are multiples of it, so that they split over 2 or 4 ranks
VALIDATION_SAMPLES = 1000


class Batch(NamedTuple):
    """Sequences and the number of 1s in each of their regions (-100: no such region)."""

    tokens: Int64[Tensor, "batch time"]
    counts: Int64[Tensor, "batch regions"]


class Stage(TypedDict, total=False):
    """A part of the training; what it does not name is as in the data's own arguments.

    Args:
        steps: Optimizer steps.
        batch_size: Sequences per step at the shortest length. Longer batches have fewer, so that
            the number of tokens stays, in multiples of 4.
        lengths: Shortest and longest sequences, in tokens; one length per batch, log-uniform.
        growth: Share of the stage in which the longest grows from the shortest, geometrically;
            meanwhile and after, lengths below a quarter of it are left out. 0 is no growth.
        regions: Fewest and most regions of a sequence.
        density: Lowest and highest probability of a 1.
    """

    steps: int
    batch_size: int
    lengths: list[int]
    growth: float
    regions: list[int]
    density: list[float]


class Part(NamedTuple):
    """A stage with nothing left open; its fields are those of ``Stage``."""

    steps: int
    batch_size: int
    lengths: tuple[int, int]
    growth: float
    regions: tuple[int, int]
    density: tuple[float, float]


class Setting(NamedTuple):
    """A distribution of sequences: length, number of regions and probability of a 1 are fixed."""

    length: int
    regions: int
    density: float


class CountingData(LightningDataModule):
    """Random sequences with delimited regions (Golkar et al. 2024, section 1).

    Args:
        length: Tokens per sequence, T in the paper; the beginning-of-sequence token is not counted.
        regions: Regions per sequence, R in the paper; at most half of ``length``.
        density: Probability that a token is a 1, between 0 and 1.
        batch_size: Sequences per optimizer step, over all devices.
        steps: Optimizer steps.
        stages: Parts of a training that varies these; ``None`` is one stage that does not.
        samples: Sequences in each set of the evaluation.
        workers: Processes per device that draw sequences ahead; 0 draws them in the main process.
        seed: Seed of the training sequences; the sets of the evaluation never change.

    Raises:
        ValueError: For a number out of its range, or sequences too short for their regions.
    """

    def __init__(
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
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        own = Part(steps, batch_size, (length, length), 0.0, (regions, regions), (density, density))
        _check(own, "")
        self.parts = []
        for index, stage in enumerate(stages or [Stage()]):
            key = f"stages[{index}]."
            unknown = sorted(stage.keys() - own._asdict().keys())
            if unknown:
                raise ValueError(f"{key}{unknown[0]} is not a part of a stage")
            pairs = {k: tuple(v) if isinstance(v, list) else v for k, v in stage.items()}
            self.parts.append(own._replace(**pairs))
            _check(self.parts[-1], key)
        if samples < 1 or workers < 0 or seed < 0:
            raise ValueError(f"samples {samples} < 1, workers {workers} < 0 or seed {seed} < 0")
        self.own = Setting(length, regions, density)
        self.samples = samples
        self.workers = workers
        self.seed = seed

    @property
    def stage_steps(self) -> list[int]:
        """Optimizer steps of each stage."""
        return [part.steps for part in self.parts]

    @property
    def most_regions(self) -> int:
        """The most regions that a training sequence has."""
        return max(part.regions[1] for part in self.parts)

    @property
    def longest(self) -> int:
        """Tokens of the longest training sequence."""
        return max(part.lengths[1] for part in self.parts)

    @property
    def settings(self) -> dict[str, Setting]:
        """The sets of the evaluation: the run's own one, and one thing changed at a time."""
        return {
            "id": self.own,
            "t300": self.own._replace(length=300),
            "r3": self.own._replace(regions=3),
            "t1024": self.own._replace(length=1024),
            "density0.3": self.own._replace(density=0.3),
        }

    def outside(self, setting: Setting) -> list[str]:
        """What of a setting lies outside the range of the training, in words; empty if nothing."""
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
        """The global batch of a training step: a pure function of the seed and the step."""
        starts = [0, *accumulate(self.stage_steps)]
        within = step % starts[-1]
        index = bisect_right(starts, within) - 1
        part = self.parts[index]
        rng = np.random.default_rng([TRAIN, self.seed, step])
        shortest, longest = _window(part, (within - starts[index]) / part.steps)
        length = round(shortest * (longest / shortest) ** rng.random())
        size = part.batch_size
        if length > part.lengths[0]:
            size = size * part.lengths[0] // length
            size = max(GRAIN, size // GRAIN * GRAIN)
        return _batch(simulate(rng, size, length, part.regions, part.density))

    def evaluation(self, name: str, kind: int = TEST, samples: int | None = None) -> Batch:
        """A fixed set of the evaluation, all in one batch.

        Args:
            name: One of :attr:`settings`.
            kind: ``TEST``, or ``VALIDATION`` for sequences that a training may look at.
            samples: Number of sequences; ``None`` takes the data's own.

        Returns:
            The same sequences whatever the seed of the training.
        """
        length, regions, density = self.settings[name]
        rng = np.random.default_rng([kind, length, regions, round(1000 * density)])
        size = self.samples if samples is None else samples
        return _batch(simulate(rng, size, length, (regions, regions), (density, density)))

    def at_once(self, length: int) -> int:
        """Sequences per batch of the evaluation on one device: as many as a cache holds."""
        return max(1, TOKENS // length)

    def train_dataloader(self) -> SeededLoader:
        rank, world = self._rank()
        steps = sum(self.stage_steps)
        return generated_loader(self.draw, steps, rank=rank, world=world, workers=self.workers)

    def val_dataloader(self) -> SeededLoader:
        return self._in_order(self.evaluation("id", VALIDATION, VALIDATION_SAMPLES))

    def test_dataloader(self) -> list[SeededLoader]:
        return [self._in_order(self.evaluation(name)) for name in self.settings]

    predict_dataloader = test_dataloader

    def _in_order(self, whole: Batch) -> SeededLoader:
        rank, world = self._rank()
        rows = Rows(whole)
        size = self.at_once(whole.tokens.shape[1]) * world
        return seeded_loader(rows, size, 0, rank=rank, world=world, shuffle=False)

    def _rank(self) -> tuple[int, int]:
        trainer = self.trainer
        return (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)


class Rows(Dataset[Batch]):
    """The sequences of a batch, one by one.

    Args:
        whole: All of them.
    """

    def __init__(self, whole: Batch) -> None:
        self.whole = whole

    def __len__(self) -> int:
        return len(self.whole.tokens)

    def __getitem__(self, index: int) -> Batch:
        return Batch(self.whole.tokens[index], self.whole.counts[index])


def _batch(sequences: Sequences) -> Batch:
    return Batch(torch.from_numpy(sequences.tokens), torch.from_numpy(sequences.counts))


def _window(part: Part, progress: float) -> tuple[float, float]:
    """The shortest and longest sequences at a point of a stage, 0 at its start and 1 at its end."""
    shortest, longest = map(float, part.lengths)
    if not part.growth:
        return shortest, longest
    reached = shortest * (longest / shortest) ** min(1.0, progress / part.growth)
    return max(shortest, reached / SPAN), reached


def _check(part: Part, key: str) -> None:
    """Raise a ``ValueError`` that names the first number of a stage that cannot work."""
    for name in ("steps", "batch_size"):
        if getattr(part, name) < 1:
            raise ValueError(f"{key}{name} {getattr(part, name)} is less than 1")
    _check_range(f"{key}length", part.lengths, 1, np.inf)
    _check_range(f"{key}regions", part.regions, 1, np.inf)
    _check_range(f"{key}density", part.density, 0, 1)
    if not 0 <= part.growth <= 1:
        raise ValueError(f"{key}growth {part.growth} does not lie between 0 and 1")
    shortest, most = part.lengths[0], part.regions[1]
    if shortest < 2 * most:
        raise ValueError(
            f"{key}length {shortest} is too short for {key}regions {most}: "
            f"each region needs two delimiters, together {2 * most} tokens"
        )


def _check_range(
    key: str, bounds: Sequence[float | int], low: float | int, high: float | int
) -> None:
    if len(bounds) != 2 or not low <= bounds[0] <= bounds[1] <= high:
        values = bounds[0] if len(set(bounds)) == 1 else list(bounds)
        raise ValueError(f"{key} {values} does not lie between {low} and {high}, lowest first")
