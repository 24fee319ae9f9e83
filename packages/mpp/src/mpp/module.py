"""LightningModule of MPP: the paper's loss and optimizer, and finetuning."""

from dataclasses import dataclass, field
from itertools import chain
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mpp.convert.convert import ORIGINAL
from mpp.convert.initial_weights import continued
from mpp.data.batch import Batch
from mpp.metrics import Inside, SystemScores, nrmse, vrmse
from mpp.nn.field_vocabulary import Vocabulary
from mpp.nn.model import AViT
from mpp.nn.normalization import Target
from mpp.nn.position_bias import Bias
from mpp.nn.rollout import rollout
from mpp.sizes import FLOOR, KINDS, Sizes, sizes_of
from sciformer.arguments import ArgumentError, check_positive, inside
from sciformer.training.module import Module
from sciformer.training.optim import OptimizerSettings

METRICS = {"nrmse": nrmse, "vrmse": vrmse}
MATCHED = ("stem.field_weight", "stem.field_bias", "head.kernel", "head.bias")  # rows of fields

Freeze = Literal["nothing", "middle", "processor"]


class Parts(NamedTuple):
    """Groups of a network's parameters, for finetuning.

    Args:
        fields: Rows of the fields in stem and head.
        ends: Other parameters of stem and head.
        processor: Transformer blocks.
    """

    fields: list[nn.Parameter]
    ends: list[nn.Parameter]
    processor: list[nn.Parameter]


@dataclass(frozen=True)
class Network:
    """Architecture of the network.

    Args:
        size: A model name of the paper, ``Ti``, ``S``, ``B`` or ``L``, or [dim, depth, heads].
        patch: Strides of the stages of stem and head, in points; [4, 2, 2] is a patch of 16.
        axes: Number of spatial axes: 1, 2 or 3.
        halo: Points by which the stem's first kernel overlaps neighboring windows on each side.
        bias: Position bias of the attention.
        target: Output of the network: the ``next`` state, or the ``change`` in units of earlier
            changes.
        legacy: Use the original's distances along periodic axes, which are inexact.
        layer_scale: Initial gain of each residual branch (LayerScale); the paper's 1e-6 is for long
            runs.
        drop_path: Probability that a sample skips a residual branch of the last block (stochastic
            depth).
    """

    size: str | list[int] = "Ti"
    patch: list[int] = field(default_factory=lambda: [4, 2, 2])
    axes: int = 2
    halo: int = 0
    bias: Bias = "relative"
    target: Target = "change"
    legacy: bool = False
    layer_scale: float = 1e-6
    drop_path: float = 0.2


NETWORK = Network()
OPTIMIZER = OptimizerSettings(weight_decay=1e-3)


class PhysicsModule(Module):
    """Predict the next frame of many physical systems (McCabe et al. 2023).

    Args:
        fields: Names of the vocabulary's rows; set by the data on the command line.
        network: Architecture of the network.
        loss: Squared error divided by the mean ``square`` of the true frame (as in the paper), its
            ``variance`` (better for fields with an offset), or its mean squared ``change`` since
            the previous frame (equal weight for slow and fast systems).
        optimizer: Optimizer and learning rate, which decays to 0 at the last step.
        steps: Batches of the training; set by the data on the command line.
        start: A checkpoint, a run folder or weights of the original to start from.
        like: Field -> field of ``start`` whose row it is initialized with; for new fields, or
            fields whose row was never trained.
        freeze: Parameters to freeze: ``processor`` (the blocks), ``middle`` (all but the rows of
            the fields), or ``nothing``.
        pretrained_rate: Learning rate of all but the rows of the fields, relative to the full
            learning rate.

    Raises:
        ValueError: If a number is out of range, or ``start`` does not fit.
    """

    monitor = ("val/nrmse", "min")
    original = ORIGINAL

    def __init__(
        self,
        fields: list[str],
        network: Network = NETWORK,
        loss: Literal["square", "variance", "change"] = "square",
        optimizer: OptimizerSettings = OPTIMIZER,
        steps: int = 1000,
        start: str | None = None,
        like: dict[str, str] | None = None,
        freeze: Freeze = "nothing",
        pretrained_rate: float = 1.0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["start", "like"], logger=False)
        check_positive(pretrained_rate=pretrained_rate)
        self.set_optimizer(optimizer, steps)
        if like and start is None:
            raise ArgumentError("like", f"{like}: no network is given to start from")
        known = Vocabulary(fields)
        if start is None:
            with inside("network", {}):
                self.model = AViT(len(known), **vars(network))
        else:
            self.model = continued(start, known, like, **vars(network))
        self.relative_to, self.pretrained_rate = loss, pretrained_rate
        parts = self.parts()
        frozen = {
            "nothing": [],
            "processor": parts.processor,
            "middle": [*parts.ends, *parts.processor],
        }
        for parameter in frozen[freeze]:
            parameter.requires_grad_(False)

    def parts(self) -> Parts:
        """Groups of parameters, for finetuning."""
        parts = Parts([], [], [])
        for name, parameter in self.model.named_parameters():
            if name in MATCHED:
                parts.fields.append(parameter)
            elif name.startswith("blocks."):
                parts.processor.append(parameter)
            else:
                parts.ends.append(parameter)
        return parts

    def setup(self, stage: str) -> None:
        for source in self.data.sources.values():
            axes, own = len(source.description.shape), self.model.axes
            if axes > own:
                raise ValueError(
                    f"{source.where}: shape: {axes} axes of space, but the network has {own}"
                )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self.loss(batch)
        self.log_losses({"loss": loss})
        return loss

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Relative squared error, averaged over samples, frames and fields (section 4.2).

        Several frames are predicted autoregressively; no gradient flows through the predictions
        (pushforward, Brandstetter et al. 2022).
        """
        frames, before = batch.frames, batch.frames[:, -1]
        total = torch.zeros((), device=frames.device)
        for target in batch.target.unbind(1):
            predicted = self(frames, batch.fields, batch.boundaries)
            if batch.inside is not None:  # where the truth is 0, too
                predicted = predicted * batch.inside
            each = self.relative(predicted, target, before, batch.sizes, batch.inside)
            total = total + each.mean()
            frames = torch.cat([frames[:, 1:], predicted.detach().unsqueeze(1)], 1)
            before = target
        return total / batch.target.shape[1]

    def relative(
        self,
        predicted: Float[Tensor, "batch fields *space"],
        target: Float[Tensor, "batch fields *space"],
        before: Float[Tensor, "batch fields *space"],
        sizes: Sizes | None = None,
        inside: Inside = None,
    ) -> Float[Tensor, "batch fields"]:
        """Mean squared error divided by the normalization of the loss, over the whole domain.

        Args:
            predicted: Predicted frame.
            target: True frame.
            before: True frame before it.
            sizes: Sizes of the fields over the data set; by default over the true frames.
            inside: 1 at points of the domain, 0 outside.

        Returns:
            One number per sample and field, which does not depend on their units.
        """
        if sizes is None:
            sizes = sizes_of([torch.stack([before, target], 1)])
        size = sizes[KINDS.index(self.relative_to)].view(-1, 1)  # divides before squaring
        error = ((predicted - target).flatten(2) / size).square().mean(2)
        truth = target.flatten(2)
        if self.relative_to == "variance":
            truth = (
                truth - truth.mean(2, keepdim=True) if inside is None else _centered(truth, inside)
            )
        elif self.relative_to == "change":
            truth = truth - before.flatten(2)
        return error / (FLOOR + (truth / size).square().mean(2))

    def on_validation_epoch_start(self) -> None:
        self.scores = {"nrmse": self.blank(self.data.horizon)}

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        predicted = self.continued(batch)
        for name, scores in self.scores.items():
            given = predicted, batch.target, batch.sizes, batch.inside
            scores.update(batch.system, METRICS[name](*given))

    def on_validation_epoch_end(self) -> None:
        means = self.scores["nrmse"].table().mean(1)
        seen = {name: m for name, m in zip(self.data.systems, means, strict=True) if not m.isnan()}
        self.log_dict({f"val/nrmse/{name}": mean for name, mean in seen.items()}, sync_dist=True)
        self.log("val/nrmse", means.nanmean(), prog_bar=True, sync_dist=True)

    def baseline(self) -> tuple[str, float]:
        scores = SystemScores(len(self.data.systems), self.data.horizon)
        for batch in chain.from_iterable(self.data.val_dataloader()):
            persistent = batch.frames[:, -1:].expand_as(batch.target)
            scores.update(batch.system, nrmse(persistent, batch.target))
        return "persistence", float(scores.table().mean(1).nanmean())

    def on_test_epoch_start(self) -> None:
        self.scores = {name: self.blank(self.data.test_horizon) for name in METRICS}

    test_step = validation_step

    def on_test_epoch_end(self) -> None:
        for metric, scores in self.scores.items():
            for system, means in zip(self.data.systems, scores.table(), strict=True):
                if not means.isnan().any():
                    steps = {f"step{step}": mean for step, mean in enumerate(means, 1)}
                    named = {f"test/{system}/{metric}/{step}": m for step, m in steps.items()}
                    self.log_dict(named, sync_dist=True)

    def predict_step(
        self, batch: Batch, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, Float[Tensor, "batch horizon fields *space"]]:
        """Predicted ``frames`` after each history."""
        return {"frames": self.continued(batch)}

    def continued(self, batch: Batch) -> Float[Tensor, "batch horizon fields *space"]:
        """Predict the target frames of a batch from its history alone."""
        horizon = batch.target.shape[1]
        fields, boundaries = batch.fields, batch.boundaries
        return rollout(self, batch.frames, fields, boundaries, horizon, batch.inside)

    def blank(self, steps: int) -> SystemScores:
        """An empty metric."""
        return SystemScores(len(self.data.systems), steps).to(self.device)

    def matrices(self) -> list[nn.Parameter]:
        return [p for p in self.parts().processor if p.ndim == 2]

    def learning_rates(self) -> list[tuple[float, list[nn.Parameter]]]:
        parts = self.parts()
        return [(1.0, parts.fields), (self.pretrained_rate, parts.ends + parts.processor)]


def _centered(
    truth: Float[Tensor, "batch fields points"], inside: Float[Tensor, "batch 1 *space"]
) -> Float[Tensor, "batch fields points"]:
    """Deviation from the mean over the domain; 0 outside."""
    weight = inside.flatten(2)
    return (truth - (truth * weight).sum(2, keepdim=True) / weight.sum(2, keepdim=True)) * weight
