"""Linear probes, with controls: whether an activation holds a quantity, and whether that is news.

A probe that scores well may have learned the task itself, or a quantity that any activation holds.
Two controls tell: the same probe on shuffled targets, and on random features. Its selectivity is
what it scores beyond the better of them (Hewitt and Liang 2019, arXiv 1909.03368, section 2).
"""

from copy import deepcopy
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)

RIDGE = 1e-4  # of the mean variance of the features, which are standardized


class Probe(NamedTuple):
    """A linear probe and its controls, scored on samples that it was not fitted on.

    Args:
        score: R2 of a number, from minus infinity to 1; or accuracy of a class, from 0 to 1.
        shuffled: The same with targets that are shuffled among the samples.
        random: The same with random features.
        weight: Direction in the space of the features; one per class.
        bias: What the probe adds.
    """

    score: float
    shuffled: float
    random: float
    weight: Float[Tensor, "dim outputs"]
    bias: Float[Tensor, " outputs"]

    @property
    def selectivity(self) -> float:
        """Score beyond that of the better control."""
        return self.score - max(self.shuffled, self.random)

    def __call__(self, features: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch outputs"]:
        """What the probe reads: a number, or one score per class."""
        return features.to(self.weight.dtype) @ self.weight + self.bias


def linear_probe(
    features: Float[Tensor, "samples dim"],
    targets: Float[Tensor, " targets"] | Int64[Tensor, " targets"],
    random: Float[Tensor, "others other_dim"] | None = None,
    held_out: float = 0.5,
    seed: int = 0,
) -> Probe:
    """Fit a linear probe by ridge regression, and its controls.

    Args:
        features: Activations, one row per sample.
        targets: A number per sample, or its class from 0.
        random: Features of the control, such as those of a network with ``shuffled_weights``; by
            default noise from N(0, 1) of the same size.
        held_out: Fraction of the samples that scores are of; between 0 and 1.
        seed: Seed of the split, the shuffling and the noise.

    Returns:
        Probe with scores.

    Raises:
        ValueError: If rows do not correspond, or too few are left to fit on or to score on, or the
            targets are constant or not finite.
    """
    samples = len(features)
    if not len(targets) == samples == len(features if random is None else random):
        sizes = [samples, len(targets), *([] if random is None else [len(random)])]
        raise ValueError(f"features, targets and random features have {sizes} rows")
    fitted = round(samples * (1 - held_out))
    if not 0 < held_out < 1 or min(fitted, samples - fitted) < 2:
        raise ValueError(f"held_out={held_out} of {samples} samples leaves too few")
    if not targets.double().isfinite().all() or bool((targets == targets[0]).all()):
        raise ValueError("targets: constant, or not finite: there is nothing to probe for")
    if not targets.is_floating_point() and int(targets.min()) < 0:
        raise ValueError(f"targets: class {int(targets.min())} is below 0")
    draw = torch.Generator().manual_seed(seed)
    order = torch.randperm(samples, generator=draw).to(features.device)
    shuffled = targets[torch.randperm(samples, generator=draw).to(targets.device)]
    noise = torch.randn(features.shape, generator=draw).to(features.device)
    parts = order[:fitted], order[fitted:]
    score, weight, bias = _fit(features, targets, *parts)
    control, _, _ = _fit(features, shuffled, *parts)
    blind, _, _ = _fit(noise if random is None else random, targets, *parts)
    return Probe(score, control, blind, weight, bias)


def _fit(
    features: Tensor, targets: Tensor, train: Tensor, test: Tensor
) -> tuple[float, Tensor, Tensor]:
    """Score on the test rows, weight and bias, in fp64."""
    x, numeric = features.double(), targets.is_floating_point()
    y = targets.double()[:, None]
    if not numeric:
        y = nn.functional.one_hot(targets, int(targets.max()) + 1).double()
    mean, size, middle = x[train].mean(0), x[train].std(0), y[train].mean(0)
    size = torch.where(size > 0, size, 1.0)
    z = (x - mean) / size
    gram = z[train].T @ z[train]
    ridge = RIDGE * len(train) * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    weight = torch.linalg.solve(gram + ridge, z[train].T @ (y[train] - middle))
    out = z[test] @ weight + middle
    weight = weight / size[:, None]
    bias = middle - mean @ weight
    if not numeric:
        return (out.argmax(1) == targets[test]).double().mean().item(), weight, bias
    wrong = (out - y[test]).square().sum()
    spread = (y[test] - y[test].mean(0)).square().sum().clamp_min(1e-300)
    return (1 - wrong / spread).item(), weight, bias


def shuffled_weights(model: Network, seed: int = 0) -> Network:
    """Copy of a network whose weights are shuffled within each parameter: it computes nothing.

    Sizes of activations stay of the same order, so that it serves as a control.

    Args:
        model: Network.
        seed: Seed of the shuffling.

    Returns:
        The copy, in evaluation mode.
    """
    draw = torch.Generator().manual_seed(seed)
    copy = deepcopy(model).eval()
    with torch.no_grad():
        for parameter in copy.parameters():
            order = torch.randperm(parameter.numel(), generator=draw).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return copy
