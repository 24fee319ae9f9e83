"""MLP probe: predict several numbers and classes from features; labels may be missing."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

HIDDEN = (64, 64)
PASSES, LEAST, BATCH = 20, 300, 256  # LEAST: steps, of few galaxies
LR, WEIGHT_DECAY = 3e-3, 0.1
ROUNDING = 1e-12  # of the mean, in fp64; a deviation below it is none

Values = Float[np.ndarray, "galaxies labels"]


class Targets(NamedTuple):
    """Targets, or predictions of them.

    Args:
        numbers: Numeric labels, one column each; NaN where unknown.
        classes: Class labels, one column each; NaN where unknown.
    """

    numbers: Values
    classes: Values


class Probe(NamedTuple):
    """A trained MLP with the scales of its inputs and targets.

    Args:
        model: The network.
        mean: Mean of each feature.
        spread: Deviation of each feature.
        middle: Mean of each numeric label.
        unit: Deviation of each numeric label.
        kinds: Number of classes of each class label.
    """

    model: nn.Sequential
    mean: Float64[np.ndarray, " features"]
    spread: Float64[np.ndarray, " features"]
    middle: Float64[np.ndarray, " numbers"]
    unit: Float64[np.ndarray, " numbers"]
    kinds: Sequence[int]

    @torch.no_grad()
    def __call__(self, features: Float[np.ndarray, "galaxies features"]) -> Targets:
        """Predict galaxies from their features."""
        said, *logits = self._outputs(features)
        found = [each.argmax(1).numpy() for each in logits]
        own = np.stack(found, 1) if found else np.empty((len(features), 0))
        return Targets(said.numpy() * self.unit + self.middle, own.astype(np.float64))

    @torch.no_grad()
    def shares(self, features: Float[np.ndarray, "galaxies features"]) -> list[np.ndarray]:
        """Probability of each class, for each class label: arrays (galaxies, classes)."""
        return [each.softmax(1).numpy() for each in self._outputs(features)[1:]]

    def _outputs(self, features: np.ndarray) -> list[Tensor]:
        scaled = torch.from_numpy((features - self.mean) / self.spread).float()
        return list(self.model(scaled).split([len(self.unit), *self.kinds], 1))


def network(features: int, outputs: int, random: torch.Generator | None = None) -> nn.Sequential:
    """MLP with two hidden layers of width 64.

    Args:
        features: Number of inputs.
        outputs: Number of outputs.
        random: Draws the weights; None leaves them to be loaded.

    Returns:
        The network.
    """
    widths = (features, *HIDDEN, outputs)
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layer = nn.Linear(before, after)
        nn.init.trunc_normal_(layer.weight, std=before**-0.5, generator=random)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.GELU()]
    return nn.Sequential(*layers[:-1])


def learn(train: Float[np.ndarray, "train features"], targets: Targets, seed: int = 0) -> Probe:
    """Train an MLP with two hidden layers of width 64.

    One network learns all labels, in 20 epochs with a batch size of 256; AdamW, with a learning
    rate decaying to 0.

    Args:
        train: Training features.
        targets: Training targets.
        seed: Seed of weights and order.

    Returns:
        The trained MLP.
    """
    random = torch.Generator().manual_seed(seed)
    mean, spread = _standard(train)
    x = torch.from_numpy((train - mean) / spread).float()
    middle, unit = _standard(targets.numbers)
    numbers = torch.from_numpy((targets.numbers - middle) / unit).float()
    classes = torch.from_numpy(targets.classes).float()
    kinds = [int(np.nanmax(column)) + 1 for column in targets.classes.T]
    model = network(x.shape[1], numbers.shape[1] + sum(kinds), random)
    chosen = torch.optim.AdamW(model.parameters(), LR, weight_decay=WEIGHT_DECAY)
    steps = max(LEAST, PASSES * len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(chosen, steps)
    for _ in range(steps):
        rows = torch.randint(len(x), (BATCH,), generator=random)
        loss = _loss(model(x[rows]), numbers[rows], classes[rows], kinds)
        chosen.zero_grad()
        loss.backward()
        chosen.step()
        schedule.step()
    return Probe(model, mean, spread, middle, unit, kinds)


def _standard(values: Values) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each column, in any unit; the deviation of a constant is 1."""
    wide = np.asarray(values, np.float64)
    mean, spread = np.nanmean(wide, 0), np.nanstd(wide, 0)
    return np.asarray(mean), np.where(spread > ROUNDING * np.abs(mean), spread, 1.0)


def _loss(said: Tensor, numbers: Tensor, classes: Tensor, kinds: list[int]) -> Tensor:
    """Squared error of known numbers plus cross-entropy of known classes."""
    own, *logits = said.split([numbers.shape[1], *kinds], 1)
    known = numbers.isfinite()
    error = torch.where(known, own - numbers.nan_to_num(), 0.0).square().sum()
    loss = error / known.sum().clamp_min(1)
    for each, truth in zip(logits, classes.T, strict=True):
        there = truth.isfinite()
        if there.any():
            loss = loss + cross_entropy(each[there], truth[there].long())
    return loss
