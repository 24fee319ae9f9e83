"""Answers: fill the hidden tokens of texts, or go on with texts."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from xval.encodings.special_tokens import END, MASK, NUM, PAD
from xval.nn.model import XVal

NEVER = [PAD, MASK]  # nobody means these


class Text(NamedTuple):
    """Texts as ids and number channel.

    Args:
        tokens: Ids.
        numbers: Values of the numbers, 1 at all else.
    """

    tokens: Int64[Tensor, "batch time"]
    numbers: Float[Tensor, "batch time"]


@torch.no_grad()
def fill(
    model: XVal,
    tokens: Int64[Tensor, "batch time"],
    numbers: Float[Tensor, "batch time"],
    present: Bool[Tensor, "batch time"] | None = None,
) -> Text:
    """Fill all [MASK]s of a batch: in each pass the first of every run of them.

    As many passes as the longest run: one where each number is one token. What has been filled is
    seen by the next pass, so that the tokens of one number fit each other.

    Args:
        model: Not causal.
        tokens: Ids, with [MASK] where the answers go.
        numbers: The number channel.
        present: False where there is padding.

    Returns:
        The texts with the likeliest tokens and, where those are [NUM], the values.

    Raises:
        ValueError: If the model is causal.
    """
    if model.causal:
        raise ValueError("a causal network cannot fill: it sees nothing behind a mask")
    masked = tokens == MASK
    while masked.any():
        first = masked & ~masked.roll(1, 1)
        first[:, 0] = masked[:, 0]
        logits, values = model(tokens, numbers, present, at=first)
        chosen = likeliest(logits)
        tokens = tokens.masked_scatter(first, chosen)
        numbers = numbers.masked_scatter(first, number_channel(chosen, values))
        masked = masked & ~first
    return Text(tokens, numbers)


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
) -> Text:
    """Go on with texts of any lengths, token by token, until [END].

    Args:
        model: Causal.
        tokens: Ids of the beginnings; what is behind ``lengths`` does not count.
        numbers: The number channel.
        lengths: Of the beginnings, at least 1 each.
        steps: Tokens to add.
        temperature: Of the draws; 0 takes the likeliest token.
        generator: Of the draws.
        stop: Call the network no more once all texts have ended. Under FSDP, where all ranks have
            to call it equally often, do not.

    Returns:
        Texts of ``max(lengths) + steps`` tokens, with [PAD] behind their ends.

    Raises:
        ValueError: If the model is not causal, or a beginning is empty.
    """
    if not model.causal:
        raise ValueError("a network that is not causal cannot go on with a text")
    if (lengths < 1).any():
        raise ValueError("a beginning of no tokens")
    time = int(lengths.max())
    behind = torch.arange(time, device=tokens.device) >= lengths[:, None]
    tokens = tokens[:, :time].masked_fill(behind, PAD)
    numbers = numbers[:, :time].masked_fill(behind, 1.0)
    rows, end = torch.arange(len(tokens), device=tokens.device), lengths.clone()
    going = torch.ones_like(lengths, dtype=torch.bool)
    tokens = torch.nn.functional.pad(tokens, (0, steps), value=PAD)
    numbers = torch.nn.functional.pad(numbers, (0, steps), value=1.0)
    for step in range(steps):
        now = time + step
        at = rows * now + end - 1  # of each text the last token
        logits, values = model(tokens[:, :now], numbers[:, :now], at=at)
        chosen = draw(logits, temperature, generator) if temperature else likeliest(logits)
        chosen = chosen.where(going, PAD)
        tokens[rows, end] = chosen
        numbers[rows, end] = number_channel(chosen, values)
        end = end + going
        going = going & (chosen != END)
        if stop and not going.any():
            break
    return Text(tokens, numbers)


def likeliest(logits: Float[Tensor, "*at vocab"]) -> Int64[Tensor, "*at"]:
    """The likeliest token that can be meant."""
    return without_never(logits).argmax(-1)


def draw(
    logits: Float[Tensor, "at vocab"], temperature: float, generator: torch.Generator | None
) -> Int64[Tensor, " at"]:
    """A token drawn by its probability."""
    shares = torch.softmax(without_never(logits).float() / temperature, -1)
    return torch.multinomial(shares, 1, generator=generator).squeeze(1)


def without_never(logits: Float[Tensor, "*at vocab"]) -> Float[Tensor, "*at vocab"]:
    """Logits that rule out padding and masks."""
    ruled_out = torch.zeros(logits.shape[-1], dtype=torch.bool, device=logits.device)
    ruled_out[NEVER] = True
    return logits.masked_fill(ruled_out, -torch.inf)


def number_channel(
    tokens: Int64[Tensor, " at"], values: Float[Tensor, "at 1"]
) -> Float[Tensor, " at"]:
    """Values where the tokens are [NUM], 1 elsewhere."""
    return values.squeeze(1).where(tokens == NUM, 1.0)
