"""LightningModule of counting: loss, metrics, optimizer."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any, Literal, TypedDict

from jaxtyping import Int64
from torch import Tensor, bfloat16, cat, nn
from torch.nn.functional import cross_entropy
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from contextual_counting.data.datamodule import Batch
from contextual_counting.data.hide_regions import with_fewer_regions
from contextual_counting.data.hide_tokens import without_loose_tokens
from contextual_counting.metrics import RegionScores, ranking
from contextual_counting.nn.model import CountingTransformer
from contextual_counting.simulate.sequences import NO_REGION
from sciformer.arguments import ArgumentError, check_least, check_not_negative, check_share, inside
from sciformer.training.lightning_private import trainer_of
from sciformer.training.module import Module
from sciformer.training.optim import MuonAdamW, warmup_cosine


class Rates(TypedDict):
    """Peak learning rates and schedule of one stage of the training.

    Args:
        matrices: Learning rate of the weight matrices of attention and MLP.
        others: Learning rate of embeddings, prompts, norms and biases.
        head: Learning rate of the output head.
        sigma: Learning rate of the quadratic head's sharpness.
        warmup: Batches of linear warm-up.
        power: Power of the cosine decay to 0; 2 has more steps at small rates than 1, 0.5 fewer.
    """

    matrices: float
    others: float
    head: float
    sigma: float
    warmup: int
    power: float


@dataclass(frozen=True)
class Network:
    """Architecture of the network.

    Args:
        dim: Width of the residual stream.
        heads: Attention heads of encoder and decoder; divides ``dim``.
        causal: Hide later tokens from earlier ones in the encoder.
        positions: Position encoding of the encoder.
        slope: Slope of ALiBi's linear bias per token of distance; the paper uses 1, 0.1 and 0.01.
        begin: Prepend a beginning-of-sequence token.
        head: Output head: the paper's ``free`` linear one, or one ``quadratic`` in the count.
        mlp: Add an MLP to the decoder (the paper's appendix D.2).
        uniform: Initialize with uniform attention: queries of encoder and decoder are 0.
        dilution: Largest factor by which 0s and 1s are repeated in the encoder's attention during
            training, random for each sequence, to mimic longer sequences; 1 as in the paper.
        classes: Number of count classes, 0 to ``classes`` - 1.
    """

    dim: int = 64
    heads: int = 1
    causal: bool = True
    positions: Literal["none", "rotary", "learned", "alibi"] = "none"
    slope: float = 0.01
    begin: bool = True
    head: Literal["quadratic", "free"] = "quadratic"
    mlp: bool = False
    uniform: bool = True
    dilution: float = 1.0
    classes: int = 512


NETWORK = Network()
DEFAULT = Rates(matrices=2e-2, others=2e-3, head=2e-2, sigma=1e-2, warmup=50, power=1.0)


class CountingModule(Module):
    """Count the 1s in each region of a sequence (Golkar et al. 2024).

    Args:
        network: Architecture of the network.
        fewer: Fraction of training sequences whose brackets after a random region are hidden from
            the decoder, without targets for the later regions; 0 as in the paper.
        loose: Fraction of training sequences of which a random part of the 0s, and of the 1s
            outside of regions, is hidden from the decoder; 0 as in the paper.
        regions: Maximum number of regions of a sequence, which is the number of prompts.
        length: Maximum length in tokens, for learned positions.
        optimizer: ``muon`` for the weight matrices with AdamW for the rest, or ``adamw`` for all;
            ``muon_bf16`` orthogonalizes in bf16 on CPUs too, as GPUs do.
        rates: Peak learning rates of each stage; a single entry is used for all stages.
        steps: Batches of each stage; each is an optimizer step, unless gradients accumulate.

    Raises:
        ValueError: If ``heads`` does not divide ``dim``, a number is out of range, or the number of
            ``rates`` is neither one nor that of the stages.
    """

    monitor = ("val/top1_min", "max")

    def __init__(
        self,
        network: Network = NETWORK,
        fewer: float = 0.0,
        loose: float = 0.0,
        regions: int = 4,
        length: int = 512,
        optimizer: Literal["muon", "muon_bf16", "adamw"] = "muon",
        rates: list[Rates] | None = None,
        steps: list[int] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        check_least(regions=(regions, 1), length=(length, 1))
        check_share(fewer=fewer, loose=loose)
        with inside("network", {}):
            _check(network)
            self.model = CountingTransformer(regions=regions, length=length, **vars(network))
        self.classes = network.classes
        self.fewer, self.loose = fewer, loose
        self.optimizer = optimizer
        self.stage_steps = steps or [1000]
        self.rates = rates or [DEFAULT]
        if len(self.rates) not in (1, len(self.stage_steps)):
            reason = f"{len(self.rates)} entries for {len(self.stage_steps)} stages of the data"
            raise ArgumentError("rates", reason)
        for index, rate in enumerate(self.rates):
            with inside(f"rates[{index}]", rate):
                numbers: dict[str, Any] = {**rate}
                check_not_negative(**numbers)
        self.prompts = regions
        self.scores = RegionScores(regions)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self.loss(batch)
        self.log_losses({"loss": loss})
        return loss

    def loss(self, batch: Batch) -> Tensor:
        """Cross-entropy over counts, averaged over the regions of the global batch."""
        tokens, counts = batch
        visible = None
        if self.fewer:
            visible, counts = with_fewer_regions(tokens, counts, self.fewer)
        if self.loose:
            seen = without_loose_tokens(tokens, self.loose)
            visible = seen if visible is None else seen & visible
        known = (counts >= 0) & (counts < self.classes)  # NO_REGION, or beyond the head
        counts = counts.masked_fill(~known, NO_REGION)
        logits = self(tokens, counts.shape[1], visible)
        total = cross_entropy(
            logits.flatten(0, 1), counts.flatten(), ignore_index=NO_REGION, reduction="sum"
        )
        return total / self.trainer.strategy.reduce(known.sum().float(), reduce_op="mean")

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.scores.update(ranking(self(batch.tokens, batch.counts.shape[1])), batch.counts)

    def on_validation_epoch_end(self) -> None:
        scores = self.scores.compute()
        self.scores.reset()
        worst = min(value for name, value in scores.items() if name.startswith("top1"))
        self.log_dict({f"val/{name}": value for name, value in scores.items()}, sync_dist=True)
        self.log("val/top1_min", worst, prog_bar=True, sync_dist=True)

    def baseline(self) -> tuple[str, float]:
        counts = cat([batch.counts for batch in self.data.val_dataloader()])
        regions = [each[each >= 0] for each in counts.unbind(1)]  # others are NO_REGION
        shares = [(each == each.mode()[0]).double().mean() for each in regions if len(each)]
        return "the commonest count", float(min(shares))

    def on_test_epoch_start(self) -> None:
        self.sets = list(self.data.settings)
        self.tested: dict[str, RegionScores] = {}

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        regions = batch.counts.shape[1]
        if not self.can_answer(batch.tokens.shape[1], regions):
            return
        name = self.sets[dataloader_idx]
        scores = self.tested.setdefault(name, RegionScores(self.prompts).to(self.device))
        scores.update(ranking(self(batch.tokens, regions)), batch.counts)

    def on_test_epoch_end(self) -> None:
        for name, scores in self.tested.items():
            found = {f"test/{name}/{part}": v for part, v in scores.compute().items()}
            self.log_dict(found, sync_dist=True)  # the same on all ranks already

    def predict_step(
        self, batch: Batch, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, Int64[Tensor, "batch regions"]]:
        """Most likely ``count`` of each region; empty for unsupported sequences."""
        length, regions = batch.tokens.shape[1], batch.counts.shape[1]
        if not self.can_answer(length, regions):
            return {}
        return {"count": self(batch.tokens, regions).argmax(-1)}

    def can_answer(self, length: int, regions: int) -> bool:
        """Whether there are enough prompts for the regions and enough learned positions."""
        return regions <= self.prompts and length <= self.model.encoder.longest

    def configure_optimizers(self) -> tuple[list[Optimizer], list[Any]]:
        groups = self.parameter_groups()
        if self.optimizer == "adamw":
            chosen = AdamW(groups, lr=1.0, betas=(0.9, 0.98), weight_decay=0.0)
        else:
            precision = bfloat16 if self.optimizer == "muon_bf16" else None
            chosen = MuonAdamW(groups[:1], groups[1:], lr=1.0, precision=precision)
        batches = trainer_of(self).accumulate_grad_batches if trainer_of(self) else 1
        factors = [partial(self.group_rate, group["name"], batches=batches) for group in groups]
        schedule = {"scheduler": LambdaLR(chosen, factors), "interval": "step"}
        return [chosen], [schedule]

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameter groups with the names of ``Rates``, matrices first."""
        head = self.model.decoder.head
        layers = [m for m in self.model.modules() if isinstance(m, nn.Linear)]
        of_head = {id(p) for p in head.parameters()}
        matrices = [layer.weight for layer in layers if id(layer.weight) not in of_head]
        apart = {id(p) for p in matrices} | of_head
        named = {
            "matrices": matrices,
            "others": [p for p in self.model.parameters() if id(p) not in apart],
            "head": [p for name, p in head.named_parameters() if name != "sigma"],
            "sigma": [p for name, p in head.named_parameters() if name == "sigma"],
        }
        return [{"name": name, "params": params} for name, params in named.items() if params]

    def group_rate(self, group: str, step: int, batches: int = 1) -> float:
        """Learning rate of a group: warm-up and cosine decay to 0 in each stage.

        Args:
            group: A name of ``Rates``.
            step: Index of the optimizer step, counted from 0.
            batches: Batches per optimizer step; stages are measured in batches.

        Returns:
            Learning rate of the step.
        """
        step *= batches
        ends = list(accumulate(self.stage_steps))
        stage = min(bisect_right(ends, step), len(ends) - 1)
        rates = self.rates[stage if len(self.rates) > 1 else 0]
        start = ends[stage] - self.stage_steps[stage]
        length, warmup, power = self.stage_steps[stage], rates["warmup"], rates["power"]
        return rates[group] * warmup_cosine(step - start, length, warmup, power)


def _check(network: Network) -> None:
    check_least(dim=(network.dim, 1), classes=(network.classes, 1), dilution=(network.dilution, 1))
    if network.dilution > 1 and network.positions != "none":
        reason = f"{network.dilution} is for positions none, not {network.positions}"
        raise ArgumentError("dilution", reason)
    check_not_negative(dilution=network.dilution, slope=network.slope)
