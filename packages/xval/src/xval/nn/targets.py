"""Answers of a network to the target numbers of a batch, from the rest of each text."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from xval.encodings.encoding import Encoding
from xval.encodings.masking import hide
from xval.encodings.normalization import Transforms
from xval.encodings.special_tokens import PAD
from xval.nn.decode_numbers import read, read_quantiles
from xval.nn.generate import fill, generate
from xval.nn.model import XVal


class Questions(NamedTuple):
    """Texts whose target numbers are asked for.

    Args:
        tokens: Token ids.
        numbers: Values in original units where tokens are [NUM].
        fields: Field of each number, at all of its tokens.
        places: First token of each target number; -1 where a text has fewer.
    """

    tokens: Int64[Tensor, "batch time"]
    numbers: Float[Tensor, "batch time"]
    fields: Int64[Tensor, "batch time"]
    places: Int64[Tensor, "batch answers"]


class Answers(NamedTuple):
    """Answers in original units.

    Args:
        numbers: NaN where the output is not a number, where a text has fewer targets, and for a
            causal network if the number is the first token.
        quantiles: Quantiles of each, rising; of no level without a head for them.
    """

    numbers: Float[Tensor, "batch answers"]
    quantiles: Float[Tensor, "batch answers levels"]


@torch.no_grad()
def answer_targets(
    model: XVal, code: Encoding, units: Transforms, asked: Questions, only_numbers: bool = False
) -> Answers:
    """Predict the target numbers from the rest of each text, or, if causal, from what is before.

    Args:
        model: Network.
        code: Encoding of the texts.
        units: Normalization of the numbers.
        asked: Texts.
        only_numbers: Choose among the tokens of numbers only.

    Returns:
        Predictions.
    """
    device = asked.tokens.device
    allowed = torch.from_numpy(code.number_tokens()).to(device) if only_numbers else None
    seen = units.channel(asked.tokens, asked.numbers, asked.fields)
    present = asked.tokens != PAD
    rows, which = _answerable(model, asked.places).nonzero(as_tuple=True)
    shape = asked.places.shape
    found = torch.full(shape, torch.nan, dtype=torch.float32, device=device)
    count = 0 if model.quantiles is None else model.quantiles.count
    spread = torch.full((*shape, count), torch.nan, dtype=torch.float32, device=device)
    if not len(rows):  # under FSDP all ranks have to call the network equally often
        for _ in range(code.length):
            model(asked.tokens, seen, present)
        return Answers(found, spread)
    first = asked.places[rows, which]
    own, source = rows[:, None], None
    places = first[:, None] + torch.arange(code.length, device=device)
    fields = asked.fields[own, places][:, 0]
    if model.causal:
        texts = asked.tokens[rows], seen[rows]
        made = generate(model, *texts, first, code.length, stop=False, allowed=allowed)
        own = torch.arange(len(rows), device=device)[:, None]
    else:
        hidden = torch.zeros_like(present)
        hidden[own, places] = True
        tokens, numbers, _ = hide(asked.tokens, seen, hidden)
        source = model.source(tokens, asked.numbers, asked.fields, units)
        made = fill(model, tokens, numbers, present, allowed, source)
    answered = made.at(own, places)
    at = rows * asked.tokens.shape[1] + first
    found[rows, which] = read(answered, code, units, fields, at, source)
    spread[rows, which] = read_quantiles(answered, units, fields)
    return Answers(found, spread)


def _answerable(model: XVal, places: Tensor) -> Bool[Tensor, "batch answers"]:
    """Targets that can be predicted: a causal network sees nothing before the first token."""
    return places > 0 if model.causal else places >= 0
