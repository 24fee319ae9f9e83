"""LightningModule of xVal and the text encodings: masked language modeling with numbers."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sciformer.arguments import ArgumentError, check_least, check_not_negative, with_tables
from sciformer.evaluation.conformal import SHARE
from sciformer.training.module import Module
from sciformer.training.optim import OptimizerSettings
from xval.convert import initial_weights
from xval.convert.convert import ORIGINAL
from xval.data.batch import Batch
from xval.data.training_mean import training_mean_error
from xval.encodings.encoding import Encoding
from xval.encodings.masking import hide
from xval.encodings.normalization import KINDS, Transforms, fit_transforms
from xval.encodings.special_tokens import NUM
from xval.metrics import Losses, Outputs, Pass
from xval.nn.architecture import Network, built
from xval.nn.intervals import Aside, Intervals
from xval.nn.number_error import NumberError, number_errors
from xval.nn.quantile_loss import crps
from xval.nn.targets import Answers, Questions, answer_targets

if TYPE_CHECKING:
    from xval.data.datamodule import TextData

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
        number_error: NumberError = "squared",
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
        self.model = built(network, self.code, length)
        if trained is not None:
            initial_weights.begin(self.model, self.code, trained)
        self.transform = transform
        self.transforms = None if transforms is None else Transforms(transforms)
        self.token_weight, self.number_weight = token_weight, number_weight
        self.number_error: NumberError = number_error

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
        source = self.model.source(tokens, numbers, fields, self.units)
        logits, values = self.model(tokens, seen, present, source=source)
        return logits, self.units.inverse(values[..., 0], fields)[..., None]

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
        logits, values, wanted, numbers = self.outputs(batch)
        is_number = wanted == NUM  # a word has no value to be wrong about
        count = 0 if self.model.quantiles is None else self.model.quantiles.count
        answers, spread, others = values.float().tensor_split([1, 1 + count], 1)
        errors = number_errors(answers[:, 0], numbers, self.number_error) + others.sum(1)
        if count:
            errors = errors + crps(spread, numbers)
        errors = errors.where(is_number, 0.0)
        token_sum = cross_entropy(logits.float(), wanted, reduction="sum")
        predicted = torch.tensor(len(wanted), dtype=torch.float32, device=wanted.device)
        return Losses(token_sum, predicted, errors.sum(), is_number.sum().float())

    def outputs(self, batch: Batch) -> Outputs:
        """Logits and values at all predicted tokens, with the tokens and normalized numbers."""
        tokens = batch.tokens
        seen = self.units.channel(batch.tokens, batch.numbers, batch.fields)
        if self.model.causal:
            there = batch.present[:, 1:]
            logits, values = self.model(tokens[:, :-1], seen[:, :-1], at=there)
            wanted, numbers = tokens[:, 1:][there], seen[:, 1:][there]
        else:
            shown = hide(tokens, seen, batch.hidden)
            texts = shown.tokens, batch.numbers, batch.fields
            source = self.model.source(*texts, self.units, seen)
            logits, values = self.model(*shown[:2], batch.present, batch.hidden, source)
            wanted, numbers = tokens[batch.hidden], seen[batch.hidden]
        return Outputs(logits, values, wanted, numbers)

    def answers(self, batch: Batch, only_numbers: bool = False) -> Answers:
        """Predict the target numbers and their quantiles, from the rest of each text.

        A causal network sees only the text before each of them.

        Args:
            batch: Texts.
            only_numbers: Choose among the tokens of numbers only.

        Returns:
            Predictions in original units; NaN where the output is not a number, and as padding.
        """
        asked = Questions(batch.tokens, batch.numbers, batch.fields, batch.answers)
        return answer_targets(self.model, self.code, self.units, asked, only_numbers)

    def answer(self, batch: Batch, only_numbers: bool = False) -> Float[Tensor, "batch answers"]:
        """The numbers of :meth:`answers`."""
        return self.answers(batch, only_numbers).numbers

    def asked(self, batch: Batch, only_numbers: bool = False) -> Aside:
        """Answers to all target numbers of a batch, which may be on another device."""
        batch = Batch(*(each.to(self.device) for each in batch))
        found, there = self.answers(batch, only_numbers), batch.asked >= 0
        fields = batch.fields.gather(1, batch.answers.clamp(min=0))
        return Aside.of(*(x[there] for x in (fields, batch.truth, *found)))

    def intervals(
        self, batches: Iterable[Batch], share: float = SHARE, only_numbers: bool = False
    ) -> Intervals:
        """Intervals of answers, from the errors on texts that were set aside.

        Args:
            batches: The texts.
            share: Share of the true values inside.
            only_numbers: Choose among the tokens of numbers only.

        Returns:
            The intervals, by field.

        Raises:
            ValueError: If there are no texts.
        """
        parts = (self.asked(batch, only_numbers) for batch in batches)
        return Intervals(Aside.joined(parts), self.units, share)

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
        return "the training mean", training_mean_error(self.data)

    def on_test_epoch_start(self) -> None:
        self.scored = {name: Pass(self.data.patterns).to(self.device) for name in self.data.names}

    test_step = validation_step

    def on_test_epoch_end(self) -> None:
        for name, scored in self.scored.items():
            found = scored.compute().named()
            self.log_dict({f"test/{name}/{k}": v for k, v in found.items()}, sync_dist=True)

    def on_predict_start(self) -> None:
        texts = self.data.texts_of("val")
        there = len(texts) and self.data.patterns
        self.calibrated = self.intervals(texts.batches(self.data.batch_size)) if there else None

    def predict_step(
        self, batch: Batch, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, Float[Tensor, "batch answers"]]:
        """Predicted target numbers of each pattern, in the order of the text; padded with NaN.

        Where texts were set aside for validation, also the ends of 90 % intervals and the medians.
        """
        answers = self.answers(batch)
        found = {"": answers.numbers}
        if self.calibrated is not None:
            fields = batch.fields.gather(1, batch.answers.clamp(min=0))
            found |= self.calibrated.around(fields, *answers)
        return {
            f"{name}{end}": batch.only(values, n)
            for n, name in enumerate(self.data.patterns)
            for end, values in found.items()
        }

    def matrices(self) -> list[nn.Parameter]:
        return [p for p in self.model.encoder.parameters() if p.ndim == 2]
