"""Training of xVal and its rivals: what is hidden is recovered, words and numbers."""

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float, Int64
from lightning.pytorch import Trainer
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, smooth_l1_loss
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from sciformer.arguments import ArgumentError, check_least, check_not_negative, check_positive
from sciformer.training.lightning_private import trainer_of
from sciformer.training.module import Module
from sciformer.training.optim import MuonAdamW, adamw, batches_before, decay_groups, warmup_cosine
from xval.data.batch import Batch
from xval.encodings.encoding import Encoding
from xval.encodings.masking import hide
from xval.encodings.normalization import KINDS, Transforms, fit_transforms
from xval.encodings.special_tokens import NUM
from xval.metrics import Found, Losses, Pass
from xval.nn.decode_numbers import answers
from xval.nn.model import XVal

if TYPE_CHECKING:
    from xval.data.datamodule import TextData

ROUNDING = 1e-3  # of an absolute error: below it, half its square over it


class XValModule(Module):
    """Recover hidden words and numbers, or the next ones (Golkar et al. 2023, section 2).

    Args:
        encoding: Settings of the encoding; those of the data on the command line.
        dim: Width of the residual stream.
        depth: Number of transformer blocks.
        heads: Attention heads per block; divides ``dim``.
        mlp_ratio: Hidden width of blocks and heads in units of ``dim``.
        length: Longest text in tokens; that of the data on the command line.
        causal: Predict the next token instead of hidden ones.
        scales: Sharpness of further axes of numbers, see ``NumberEmbedding``; none in the paper.
        transform: Kind of the transform of values (``linear``, ``standard``, ``log``, ``asinh``)
            for all fields, or a kind for each, ``*`` being all others (``linear`` if left out).
        transforms: The fitted transform of each field; ``None`` fits them to the training's
            numbers when a fit begins, and a checkpoint keeps them.
        token_weight: Of the cross-entropy in the loss.
        number_weight: Of the error of transformed values in the loss.
        number_error: ``squared`` as in the paper, or ``absolute``: where numbers span many decades,
            few answers that are far off do not hide then what the many are short of.
        lr: Peak learning rate of AdamW.
        matrix_lr: Peak learning rate of Muon for the matrices of the blocks; ``None`` leaves them
            to AdamW.
        weight_decay: Of matrices, per step and unit of learning rate.
        warmup: Batches of the linear rise; a cosine to 0 at the last batch follows.
        steps: Batches of the schedule; ``None`` takes all epochs of the fit, or
            all steps of one that is not bounded by epochs.

    Raises:
        ValueError: If a number is out of its range, or an encoding or transform is unknown.
    """

    monitor = ("val/error", "min")

    def __init__(  # noqa: PLR0913, PLR0917  # what a YAML says of network and training
        self,
        encoding: dict[str, Any],
        dim: int = 768,
        depth: int = 6,
        heads: int = 6,
        mlp_ratio: float = 4.0,
        length: int = 1024,
        causal: bool = False,
        scales: list[float] | None = None,
        transform: str | dict[str, str] = "linear",
        transforms: dict[str, dict[str, float | str]] | None = None,
        token_weight: float = 1.0,
        number_weight: float = 1.0,
        number_error: Literal["squared", "absolute"] = "squared",
        lr: float = 1e-4,
        matrix_lr: float | None = None,
        weight_decay: float = 0.01,
        warmup: int = 100,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        check_least(dim=(dim, 1), depth=(depth, 0), length=(length, 1))
        check_positive(lr=lr, matrix_lr=matrix_lr, steps=steps, mlp_ratio=mlp_ratio)
        check_not_negative(token_weight=token_weight, number_weight=number_weight)
        check_not_negative(weight_decay=weight_decay, warmup=warmup)
        for kind in [transform] if isinstance(transform, str) else transform.values():
            if kind not in KINDS:
                raise ArgumentError("transform", f"{kind!r} is none of {', '.join(KINDS)}")
        self.code = Encoding(**encoding)
        self.model = XVal(
            self.code.size, dim, depth, heads, mlp_ratio, length, causal, scales or ()
        )
        self.transform = transform
        self.transforms = None if transforms is None else Transforms(transforms)
        self.token_weight, self.number_weight = token_weight, number_weight
        self.absolute = number_error == "absolute"
        self.lr, self.matrix_lr, self.weight_decay = lr, matrix_lr, weight_decay
        self.warmup, self.steps = warmup, steps

    def check(self, data: "TextData") -> None:
        """Fit the transforms before a fit writes anything: none of them may be of no field."""
        if self.transforms is None:
            self.fit_transforms(data)

    def setup(self, stage: str) -> None:
        data = self.data
        self.check(data)
        if data.fields != self.units.names:
            reason = f"{data.fields} are not the network's, {self.units.names}"
            raise ArgumentError("fields", reason)
        if stage == "fit" and self.hparams["steps"] is None:
            self.steps = batches_of(self.trainer, data.batches)

    def fit_transforms(self, data: "TextData") -> None:
        """Fit the transform of each field to the training's numbers; a checkpoint keeps them.

        Args:
            data: Of the training.

        Raises:
            ValueError: If there is no number at all.
        """
        values, fields, _ = map(torch.from_numpy, data.train_numbers())
        fitted = fit_transforms(values, fields, data.fields, self.transform)
        self.hparams["transforms"] = fitted
        self.transforms = Transforms(fitted)

    @property
    def units(self) -> Transforms:
        """Between numbers and the units of the network."""
        assert self.transforms is not None, "neither fitted nor given"
        return self.transforms

    def forward(
        self,
        tokens: Int64[Tensor, "batch time"],
        numbers: Float[Tensor, "batch time"],
        fields: Int64[Tensor, "batch time"],
    ) -> tuple[Float[Tensor, "batch time vocab"], Float[Tensor, "batch time 1"]]:
        """Logits and values, the latter in the units of the fields."""
        present = tokens != self.code.pad
        logits, values = self.model(tokens, self.units.channel(tokens, numbers, fields), present)
        return logits, self.units.inverse(values.squeeze(2), fields)[..., None]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        found = self.losses(batch)
        counts = torch.stack([found.tokens, found.numbers])
        tokens, numbers = self.trainer.strategy.reduce(counts, reduce_op="mean").clamp(min=1e-6)
        token_loss, number_loss = found.token_sum / tokens, found.number_sum / numbers
        loss = self.weighted(token_loss, number_loss)
        self.log_losses({"loss": loss, "token_loss": token_loss, "number_loss": number_loss})
        return loss

    def weighted(
        self, token_loss: Float[Tensor, ""], number_loss: Float[Tensor, ""]
    ) -> Float[Tensor, ""]:
        """The loss of words and numbers together."""
        return self.token_weight * token_loss + self.number_weight * number_loss

    def losses(self, batch: Batch) -> Losses:
        """Cross-entropy of hidden tokens and error of hidden numbers (section 2).

        A causal network is asked for every token after the first.
        """
        tokens = batch.tokens
        seen = self.units.channel(batch.tokens, batch.numbers, batch.fields)
        if self.model.causal:
            there = batch.present[:, 1:]
            logits, values = self.model(tokens[:, :-1], seen[:, :-1], at=there)
            wanted, numbers = tokens[:, 1:][there], seen[:, 1:][there]
        else:
            shown = hide(tokens, seen, batch.hidden)
            logits, values = self.model(*shown[:2], batch.present, at=batch.hidden)
            wanted, numbers = tokens[batch.hidden], seen[batch.hidden]
        is_number = wanted == NUM  # a word has no value to be wrong about
        errors = self.errors(values.squeeze(1).float(), numbers).where(is_number, 0.0)
        token_sum = cross_entropy(logits.float(), wanted, reduction="sum")
        count = torch.tensor(len(wanted), dtype=torch.float32, device=tokens.device)
        return Losses(token_sum, count, errors.sum(), is_number.sum().float())

    def errors(
        self, values: Float[Tensor, " at"], numbers: Float[Tensor, " at"]
    ) -> Float[Tensor, " at"]:
        """Error of each value in the loss, in the network's units."""
        if self.absolute:
            return smooth_l1_loss(values, numbers, reduction="none", beta=ROUNDING)
        return mse_loss(values, numbers, reduction="none")

    def answer(self, batch: Batch) -> Float[Tensor, "batch answers"]:
        """The numbers that are asked for, in their own units, from the rest of each text.

        A causal network has what is before each of them. NaN stands for an answer that is no
        number, and where a text is asked for less than others.
        """
        return answers(self.model, self.code, self.units, batch)

    def on_validation_epoch_start(self) -> None:
        self.scored = {"": Pass(self.data.patterns).to(self.device)}

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        scored = list(self.scored.values())[dataloader_idx]
        scored.update(self.losses(batch), self.answer(batch), batch.truth, batch.asked)

    def on_validation_epoch_end(self) -> None:
        found = self.scored[""].compute()
        loss = self.weighted(found.token_loss, found.number_loss)
        named = {f"val/{name}": value for name, value in figures(found).items()}
        self.log_dict({"val/loss": loss, **named}, sync_dist=True)  # the same on all ranks already
        medians = [each.median_relative for each in found.answers.values()]
        error = sum(medians) / len(medians) if medians else loss
        self.log("val/error", error, prog_bar=True, sync_dist=True)

    def on_test_epoch_start(self) -> None:
        self.scored = {name: Pass(self.data.patterns).to(self.device) for name in self.data.names}

    test_step = validation_step

    def on_test_epoch_end(self) -> None:
        for name, scored in self.scored.items():
            found = figures(scored.compute())
            self.log_dict({f"test/{name}/{k}": v for k, v in found.items()}, sync_dist=True)

    def predict_step(
        self, batch: Batch, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, Float[Tensor, "batch answers"]]:
        """The answers to each of the data's patterns, in the order of the text; NaN beyond them."""
        answers = self.answer(batch)
        found = {}
        for number, pattern in enumerate(self.data.patterns):
            asked = batch.asked == number
            column = asked.cumsum(1) - 1  # of each answer among those of its pattern
            said = answers.new_full((len(answers), int(asked.sum(1).max())), torch.nan)
            said[asked.nonzero()[:, 0], column[asked]] = answers[asked]
            found[pattern] = said
        return found

    def configure_optimizers(self) -> tuple[list[Optimizer], list[Any]]:
        hidden = [p for p in self.model.encoder.parameters() if p.ndim == 2]
        matrices = hidden if self.matrix_lr else []
        apart = {id(parameter) for parameter in matrices}
        rest = [p for p in self.model.parameters() if id(p) not in apart]
        others = decay_groups(rest, self.weight_decay)
        if self.matrix_lr:
            group = {"params": matrices, "lr": self.matrix_lr, "weight_decay": self.weight_decay}
            chosen = MuonAdamW([group], others, lr=self.lr)
        else:
            chosen = adamw(others, self.lr)
        schedule = {"scheduler": LambdaLR(chosen, partial(self.rate)), "interval": "step"}
        return [chosen], [schedule]

    def rate(self, step: int) -> float:
        """Factor of the learning rate at an optimizer step, counted from 0."""
        assert self.steps is not None, "neither given nor set up"
        if trainer_of(self):
            step = batches_before(step, self.data.batches, self.trainer.accumulate_grad_batches)
        return warmup_cosine(step, self.steps, self.warmup)


def batches_of(trainer: Trainer, epoch: int) -> int:
    """Batches of a fit.

    Args:
        trainer: Says when it ends: by its epochs or, if it has none, by its steps.
        epoch: Batches of an epoch.

    Returns:
        Their number.

    Raises:
        ValueError: If the fit has no end, so that nothing says how long the schedule is.
    """
    epochs = trainer.max_epochs
    if epochs is not None and epochs != -1:
        return epochs * epoch
    if trainer.max_steps == -1:
        reason = "null, but neither max_epochs nor max_steps says where a fit ends"
        raise ArgumentError("steps", reason)
    return trainer.max_steps * trainer.accumulate_grad_batches


def figures(found: Found) -> dict[str, Any]:
    """Losses, and ``<figure>/<pattern>`` of what is asked for."""
    losses = {"token_loss": found.token_loss, "number_loss": found.number_loss}
    return losses | {
        f"{name}/{pattern}": value
        for pattern, each in found.answers.items()
        for name, value in each._asdict().items()
    }
