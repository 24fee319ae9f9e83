"""Inference: fill masked tokens (masked models) or continue texts (causal models)."""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from xval.encodings.special_tokens import END, MASK, NUM, PAD
from xval.nn.model import XVal
from xval.nn.source import Source

NEVER = [PAD, MASK]  # never predicted


class Text(NamedTuple):
    """Texts as token ids and number channel.

    Args:
        tokens: Token ids.
        numbers: Values where tokens are [NUM]; 1 elsewhere.
        quantiles: Of predicted values, from a network that has any.
    """

    tokens: Int64[Tensor, "batch time"]
    numbers: Float[Tensor, "batch time"]
    quantiles: Float[Tensor, "batch time levels"] | None = None

    def at(
        self, rows: Int64[Tensor, "#numbers #each"], places: Int64[Tensor, "#numbers each"]
    ) -> "Text":
        """Parts of the texts: what is at some places of some rows."""
        spread = None if self.quantiles is None else self.quantiles[rows, places]
        return Text(self.tokens[rows, places], self.numbers[rows, places], spread)


@torch.no_grad()
def fill(
    model: XVal,
    tokens: Int64[Tensor, "batch time"],
    numbers: Float[Tensor, "batch time"],
    present: Bool[Tensor, "batch time"] | None = None,
    allowed: Bool[Tensor, "length vocab"] | None = None,
    source: Source | None = None,
) -> Text:
    """Fill all [MASK]s of a batch: each pass fills the first of every run of them.

    It takes as many passes as the longest run has tokens: one where each number is one token. Later
    passes see earlier ones, so that the tokens of a number fit together.

    Args:
        model: Network; not causal.
        tokens: Token ids, with [MASK] for the answers.
        numbers: Number channel.
        present: False at padding.
        allowed: Tokens that each pass may choose; by default all. With those of a number, an answer
            is a number.
        source: Numbers that an answer may copy.

    Returns:
        Texts with the most likely tokens and, where these are [NUM], the values.

    Raises:
        ValueError: If the model is causal.
    """
    if model.causal:
        raise ValueError("a causal network cannot fill masks: it does not see the text after them")
    masked, quantiles = tokens == MASK, _room(model, tokens.shape)
    for pass_ in count():
        if not masked.any():
            break
        first = masked & ~masked.roll(1, 1)
        first[:, 0] = masked[:, 0]
        logits, values = model(tokens, numbers, present, at=first, source=source)
        chosen = most_likely(logits if allowed is None else only(logits, allowed, pass_))
        tokens = tokens.masked_scatter(first, chosen)
        numbers = numbers.masked_scatter(first, number_channel(chosen, values))
        if quantiles is not None:
            quantiles = quantiles.to(values).masked_scatter(first[..., None], values[:, 1:])
        masked = masked & ~first
    return Text(tokens, numbers, quantiles)


@torch.no_grad()
def generate(
    model: XVal,
    tokens: Int64[Tensor, "batch time"],
    numbers: Float[Tensor, "batch time"],
    lengths: Int64[Tensor, " batch"],
    steps: int,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    stop: bool = True,
    allowed: Bool[Tensor, "length vocab"] | None = None,
) -> Text:
    """Continue texts of any lengths, token by token, until [END].

    Args:
        model: Network; causal.
        tokens: Token ids of the prompts; those beyond ``lengths`` are ignored.
        numbers: Number channel.
        lengths: Tokens of each prompt; at least 1.
        steps: Number of tokens to add.
        temperature: Sampling temperature; 0 takes the most likely token.
        generator: Random generator of the sampling.
        stop: Stop once all texts have ended. Set to False under FSDP, where all ranks must call the
            network equally often.
        allowed: Tokens that each step may choose; by default all.

    Returns:
        Texts of ``max(lengths) + steps`` tokens, with [PAD] after their ends.

    Raises:
        ValueError: If the model is not causal, or a prompt is empty.
    """
    if not model.causal:
        raise ValueError("a network that is not causal cannot continue a text")
    if (lengths < 1).any():
        raise ValueError("an empty prompt")
    time = int(lengths.max())
    behind = torch.arange(time, device=tokens.device) >= lengths[:, None]
    tokens = tokens[:, :time].masked_fill(behind, PAD)
    numbers = numbers[:, :time].masked_fill(behind, 1.0)
    rows, end = torch.arange(len(tokens), device=tokens.device), lengths.clone()
    going = torch.ones_like(lengths, dtype=torch.bool)
    quantiles = _room(model, (len(tokens), time + steps))
    tokens = torch.nn.functional.pad(tokens, (0, steps), value=PAD)
    numbers = torch.nn.functional.pad(numbers, (0, steps), value=1.0)
    for step in range(steps):
        now = time + step
        at = rows * now + end - 1  # last token of each text
        logits, values = model(tokens[:, :now], numbers[:, :now], at=at)
        logits = logits if allowed is None else only(logits, allowed, step)
        chosen = draw(logits, temperature, generator) if temperature else most_likely(logits)
        chosen = chosen.where(going, PAD)
        tokens[rows, end] = chosen
        numbers[rows, end] = number_channel(chosen, values)
        if quantiles is not None:
            quantiles = quantiles.to(values)
            quantiles[rows, end] = values[:, 1:]
        end = end + going
        going = going & (chosen != END)
        if stop and not going.any():
            break
    return Text(tokens, numbers, quantiles)


def _room(model: XVal, shape: Sequence[int]) -> Tensor | None:
    """Place for the quantiles of a network that has any."""
    return None if model.quantiles is None else torch.zeros(*shape, model.quantiles.count)


def most_likely(logits: Float[Tensor, "*at vocab"]) -> Int64[Tensor, "*at"]:
    """Most likely token, padding and masks excluded."""
    return without_never(logits).argmax(-1)


def only(
    logits: Float[Tensor, "at vocab"], allowed: Bool[Tensor, "length vocab"], place: int
) -> Float[Tensor, "at vocab"]:
    """Logits without the tokens that cannot stand at a place."""
    return logits.masked_fill(~allowed[place % len(allowed)], -torch.inf)


def draw(
    logits: Float[Tensor, "at vocab"], temperature: float, generator: torch.Generator | None
) -> Int64[Tensor, " at"]:
    """Sample a token from the softmax at a temperature."""
    shares = torch.softmax(without_never(logits).float() / temperature, -1)
    return torch.multinomial(shares, 1, generator=generator).squeeze(1)


def without_never(logits: Float[Tensor, "*at vocab"]) -> Float[Tensor, "*at vocab"]:
    """Logits with padding and masks set to -inf."""
    ruled_out = torch.zeros(logits.shape[-1], dtype=torch.bool, device=logits.device)
    ruled_out[NEVER] = True
    return logits.masked_fill(ruled_out, -torch.inf)


def number_channel(
    tokens: Int64[Tensor, " at"], values: Float[Tensor, "at values"]
) -> Float[Tensor, " at"]:
    """Values where the tokens are [NUM], 1 elsewhere."""
    return values[:, 0].where(tokens == NUM, 1.0)
