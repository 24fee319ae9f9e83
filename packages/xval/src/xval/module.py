"""LightningModule of xVal and the text encodings: masked language modeling with numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, smooth_l1_loss

from sciformer.arguments import (
    ArgumentError,
    check_least,
    check_not_negative,
    check_positive,
    inside,
    with_tables,
)
from sciformer.training.module import Module
from sciformer.training.optim import OptimizerSettings
from xval.convert import initial_weights
from xval.convert.convert import ORIGINAL
from xval.data.batch import Batch
from xval.encodings.encoding import Encoding
from xval.encodings.masking import hide
from xval.encodings.normalization import KINDS, Transforms, fit_transforms
from xval.encodings.special_tokens import NUM
from xval.metrics import Losses, Pass, scores
from xval.nn.decode_numbers import read
from xval.nn.generate import Text, fill, generate
from xval.nn.model import XVal
from xval.nn.source import Source

if TYPE_CHECKING:
    from xval.data.datamodule import TextData

ROUNDING = 1e-3  # of an absolute error: below it, half its square over it


@dataclass(frozen=True)
class Network:
    """Architecture of the network.

    Args:
        dim: Width of the residual stream.
        depth: Number of transformer blocks.
        heads: Attention heads per block; divides ``dim``.
        mlp_ratio: Hidden width of blocks and heads in units of ``dim``.
        causal: Predict the next token instead of masked ones.
        scales: Scales of additional number directions, see ``NumberEmbedding``; none in the paper.
        final_norm: Norm before the heads; the original has none.
        pointer: Answers may repeat or change a number of the text, see ``Pointer``; not in the
            paper. For masked networks; text encodings have none.
    """

    dim: int = 768
    depth: int = 6
    heads: int = 6
    mlp_ratio: float = 4.0
    causal: bool = False
    scales: list[float] | None = None
    final_norm: bool = True
    pointer: bool = False


NETWORK = Network()
OPTIMIZER = OptimizerSettings(lr=1e-4)


class XValModule(Module):
    """Predict masked words and numbers, or the next token (Golkar et al. 2023, section 2).

    Args:
        encoding: Settings of the encoding; set by the data on the command line.
        length: Maximum number of tokens per text; set by the data on the command line.
        network: Architecture of the network.
        transform: Normalization of the numbers (``linear``, ``standard``, ``log``, ``asinh``) of
            all fields, or one for each field by name; ``*`` stands for all other fields (``linear``
            by default).
        transforms: Fitted normalization of each field; ``None`` fits them to the training numbers
            at the start of training. Checkpoints store them.
        token_weight: Weight of the cross-entropy in the loss.
        number_weight: Weight of the number error in the loss, with the losses of a pointer.
        number_error: Number error in the loss: ``squared`` as in the paper, or ``absolute``, which
            is less dominated by a few large errors where numbers span many decades.
        optimizer: Optimizer and learning rate, which decays to 0 at the last step.
        steps: Batches of the learning rate schedule; ``None`` takes all epochs of the fit, or
            ``max_steps`` if epochs are unlimited.
        start: A checkpoint, a run folder or weights of the original to start from, instead of
            ``network``; rows of tokens are matched by name.

    Raises:
        ValueError: If a number is out of range, or an encoding or normalization is unknown.
    """

    monitor = ("val/error", "min")
    original = ORIGINAL

    def __init__(  # noqa: PLR0913, PLR0917  # what a YAML says of the model
        self,
        encoding: dict[str, Any],
        length: int = 1024,
        network: Network = NETWORK,
        transform: str | dict[str, str] = "linear",
        transforms: dict[str, dict[str, float | str]] | None = None,
        token_weight: float = 1.0,
        number_weight: float = 1.0,
        number_error: Literal["squared", "absolute"] = "squared",
        optimizer: OptimizerSettings = OPTIMIZER,
        steps: int | None = None,
        start: str | None = None,
    ) -> None:
        super().__init__()
        trained = None if start is None else initial_weights.read(start)
        if trained is not None:
            network = with_tables(type(self), {"network": {}, **trained.settings})["network"]
        self.save_hyperparameters(ignore=["start"], logger=False)
        check_least(length=(length, 1))
        check_not_negative(token_weight=token_weight, number_weight=number_weight)
        self.set_optimizer(optimizer, steps)
        for kind in [transform] if isinstance(transform, str) else transform.values():
            if kind not in KINDS:
                raise ArgumentError("transform", f"{kind!r} is none of {', '.join(KINDS)}")
        self.code = Encoding(**encoding)
        with inside("network", {}):
            check_least(dim=(network.dim, 1), depth=(network.depth, 0))
            check_positive(mlp_ratio=network.mlp_ratio)
            if network.pointer and network.causal:
                raise ArgumentError("pointer", "not for a causal network")
            parts = {**vars(network), "pointer": network.pointer and self.code.digits is None}
            self.model = XVal(self.code.size, length=length, **parts)
        if trained is not None:
            initial_weights.begin(self.model, self.code, trained)
        self.transform = transform
        self.transforms = None if transforms is None else Transforms(transforms)
        self.token_weight, self.number_weight = token_weight, number_weight
        self.absolute = number_error == "absolute"

    def check(self, data: "TextData") -> None:
        """Fit the normalizations before training writes anything; each must belong to a field."""
        if self.transforms is None:
            self.fit_transforms(data)

    def setup(self, stage: str) -> None:
        data = self.data
        self.check(data)
        if data.fields != self.units.names:
            reason = f"{data.fields} are not the network's, {self.units.names}"
            raise ArgumentError("fields", reason)
        if stage == "fit" and self.hparams["steps"] is None:
            self.steps = self.fit_batches()

    def fit_transforms(self, data: "TextData") -> None:
        """Fit the normalization of each field to the training numbers; checkpoints store it.

        Args:
            data: Training data.

        Raises:
            ValueError: If there are no numbers.
        """
        values, fields, _ = map(torch.from_numpy, data.train_numbers())
        fitted = fit_transforms(values, fields, data.fields, self.transform)
        self.hparams["transforms"] = fitted
        self.transforms = Transforms(fitted)

    @property
    def units(self) -> Transforms:
        """Normalization of the numbers."""
        assert self.transforms is not None, "neither fitted nor given"
        return self.transforms

    def forward(
        self,
        tokens: Int64[Tensor, "batch time"],
        numbers: Float[Tensor, "batch time"],
        fields: Int64[Tensor, "batch time"],
    ) -> tuple[Float[Tensor, "batch time vocab"], Float[Tensor, "batch time 1"]]:
        """Logits, and values in the original units of the fields."""
        present = tokens != self.code.pad
        seen = self.units.channel(tokens, numbers, fields)
        source = self.source(tokens, numbers, fields)
        logits, values = self.model(tokens, seen, present, source=source)
        return logits, self.units.inverse(values[..., 0], fields)[..., None]

    def source(
        self,
        tokens: Int64[Tensor, "batch time"],
        numbers: Float[Tensor, "batch time"],
        fields: Int64[Tensor, "batch time"],
        wanted: Float[Tensor, "batch time"] | None = None,
    ) -> Source | None:
        """Numbers that an answer may copy; None without a pointer."""
        if self.model.pointer is None:
            return None
        return Source(numbers.where(tokens == NUM, torch.nan), fields, self.units, wanted)

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
        """Weighted sum of token loss and number loss."""
        return self.token_weight * token_loss + self.number_weight * number_loss

    def losses(self, batch: Batch) -> Losses:
        """Cross-entropy of masked tokens and error of masked numbers (section 2).

        A causal network predicts every token after the first.
        """
        tokens = batch.tokens
        seen = self.units.channel(batch.tokens, batch.numbers, batch.fields)
        if self.model.causal:
            there = batch.present[:, 1:]
            logits, values = self.model(tokens[:, :-1], seen[:, :-1], at=there)
            wanted, numbers = tokens[:, 1:][there], seen[:, 1:][there]
        else:
            shown = hide(tokens, seen, batch.hidden)
            source = self.source(shown.tokens, batch.numbers, batch.fields, seen)
            logits, values = self.model(*shown[:2], batch.present, batch.hidden, source)
            wanted, numbers = tokens[batch.hidden], seen[batch.hidden]
        is_number = wanted == NUM  # a word has no value to be wrong about
        answers, others = values.float().tensor_split([1], 1)
        errors = self.errors(answers[:, 0], numbers) + others.sum(1)
        errors = errors.where(is_number, 0.0)
        token_sum = cross_entropy(logits.float(), wanted, reduction="sum")
        count = torch.tensor(len(wanted), dtype=torch.float32, device=tokens.device)
        return Losses(token_sum, count, errors.sum(), is_number.sum().float())

    def errors(
        self, values: Float[Tensor, " at"], numbers: Float[Tensor, " at"]
    ) -> Float[Tensor, " at"]:
        """Loss of each value, in normalized units."""
        if self.absolute:
            return smooth_l1_loss(values, numbers, reduction="none", beta=ROUNDING)
        return mse_loss(values, numbers, reduction="none")

    @torch.no_grad()
    def answer(self, batch: Batch, only_numbers: bool = False) -> Float[Tensor, "batch answers"]:
        """Predict the target numbers in their original units, from the rest of each text.

        A causal network sees only the text before each of them. NaN where the output is not a
        number, as padding, and for a causal network if the number is the first token.

        Args:
            batch: Texts.
            only_numbers: Choose among the tokens of numbers only.

        Returns:
            Predictions.
        """
        allowed = torch.from_numpy(self.code.number_tokens()).to(batch.tokens.device)
        allowed = allowed if only_numbers else None
        seen = self.units.channel(batch.tokens, batch.numbers, batch.fields)
        asked = batch.asked >= 0
        if self.model.causal:
            asked &= batch.answers > 0  # there is nothing before the first token
        rows, which = asked.nonzero(as_tuple=True)
        found = torch.full_like(batch.truth, torch.nan, dtype=torch.float32)
        if not len(rows):  # under FSDP all ranks have to call the network equally often
            for _ in range(self.code.length):
                self.model(batch.tokens, seen, batch.present)
            return found
        first = batch.answers[rows, which]
        own, length, source = rows[:, None], self.code.length, None
        places = first[:, None] + torch.arange(length, device=first.device)
        fields = batch.fields[own, places][:, 0]
        if self.model.causal:
            texts = batch.tokens[rows], seen[rows]
            made = generate(self.model, *texts, first, length, stop=False, allowed=allowed)
            own = torch.arange(len(rows), device=rows.device)[:, None]
        else:
            hidden = torch.zeros_like(batch.hidden)
            hidden[own, places] = True
            tokens, numbers, _ = hide(batch.tokens, seen, hidden)
            source = self.source(tokens, batch.numbers, batch.fields)
            made = fill(self.model, tokens, numbers, batch.present, allowed, source)
        answered = Text(made.tokens[own, places], made.numbers[own, places])
        at = rows * batch.tokens.shape[1] + first
        found[rows, which] = read(answered, self.code, self.units, fields, at, source)
        return found

    def on_validation_epoch_start(self) -> None:
        self.scored = {"": Pass(self.data.patterns).to(self.device)}

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        scored = list(self.scored.values())[dataloader_idx]
        scored.update(self.losses(batch), self.answer(batch), batch.truth, batch.asked)

    def on_validation_epoch_end(self) -> None:
        found = self.scored[""].compute()
        loss = self.weighted(found.token_loss, found.number_loss)
        named = {f"val/{name}": value for name, value in found.named().items()}
        self.log_dict({"val/loss": loss, **named}, sync_dist=True)  # the same on all ranks already
        medians = [each.median_relative for each in found.answers.values()]
        error = sum(medians) / len(medians) if medians else loss
        self.log("val/error", error, prog_bar=True, sync_dist=True)

    def baseline(self) -> tuple[str, float] | None:
        if not self.data.patterns:
            return None  # the loss decides
        known, val = self.data.train_numbers(), self.data.numbers_of("val")
        names = len(self.data.fields)
        sums, counts = (np.bincount(known.fields, w, names) for w in (known.values, None))
        answers = torch.from_numpy((sums / np.maximum(counts, 1))[val.fields])
        truth, asked = map(torch.from_numpy, (val.values, val.asked))
        each = [scores(answers[asked == n], truth[asked == n]) for n in asked.unique() if n >= 0]
        error = sum(one.median_relative for one in each) / max(len(each), 1)
        return "the training mean", error

    def on_test_epoch_start(self) -> None:
        self.scored = {name: Pass(self.data.patterns).to(self.device) for name in self.data.names}

    test_step = validation_step

    def on_test_epoch_end(self) -> None:
        for name, scored in self.scored.items():
            found = scored.compute().named()
            self.log_dict({f"test/{name}/{k}": v for k, v in found.items()}, sync_dist=True)

    def predict_step(
        self, batch: Batch, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, Float[Tensor, "batch answers"]]:
        """Predicted target numbers of each pattern, in the order of the text; padded with NaN."""
        answers = self.answer(batch)
        return {name: batch.only(answers, n) for n, name in enumerate(self.data.patterns)}

    def matrices(self) -> list[nn.Parameter]:
        return [p for p in self.model.encoder.parameters() if p.ndim == 2]
