"""Decode the target numbers of a batch from a network's output, for every encoding."""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from xval.data.batch import Batch
from xval.encodings.encoding import Encoding
from xval.encodings.masking import hide
from xval.encodings.normalization import Transforms
from xval.encodings.special_tokens import NUM
from xval.nn.generate import Text, fill, generate
from xval.nn.model import XVal


@torch.no_grad()
def answers(
    model: XVal, code: Encoding, units: Transforms, batch: Batch
) -> Float32[Tensor, "batch answers"]:
    """Predict all target numbers of each text at once, from the rest of the text.

    A causal network predicts each number from the tokens before it.

    Args:
        model: Network; its numbers are normalized.
        code: Encoding of the batch.
        units: Normalization of the numbers.
        batch: Texts and their target numbers.

    Returns:
        Numbers in their original units; NaN where the answer is no number, or there is no target.
    """
    seen = units.channel(batch.tokens, batch.numbers, batch.fields)
    asked = batch.asked >= 0
    if model.causal:
        asked &= batch.answers > 0  # a first token has no context
    rows, which = asked.nonzero(as_tuple=True)
    found = torch.full_like(batch.truth, torch.nan, dtype=torch.float32)
    if not len(rows):  # under FSDP all ranks must call the network equally often
        for _ in range(code.length):
            model(batch.tokens, seen, batch.present)
        return found
    first = batch.answers[rows, which]
    each = torch.arange(code.length, device=first.device)
    own, places = rows[:, None], first[:, None] + each
    fields = batch.fields[own, places][:, 0]
    if model.causal:
        predicted = generate(model, batch.tokens[rows], seen[rows], first, code.length, stop=False)
        own = torch.arange(len(rows), device=rows.device)[:, None]
    else:
        hidden = torch.zeros_like(batch.tokens, dtype=torch.bool)
        hidden[own, places] = True
        tokens, numbers, _ = hide(batch.tokens, seen, hidden)
        predicted = fill(model, tokens, numbers, batch.present)
    answered = Text(predicted.tokens[own, places], predicted.numbers[own, places])
    found[rows, which] = read(answered, code, units, fields)
    return found


def read(
    predicted: Text, code: Encoding, units: Transforms, fields: Int64[Tensor, " numbers"]
) -> Float32[Tensor, " numbers"]:
    """Convert predicted tokens to numbers in their original units.

    Args:
        predicted: Tokens of one number per row, and its value in normalized units.
        code: Their encoding.
        units: Normalization of the numbers.
        fields: Field of each number.

    Returns:
        Numbers; NaN where the tokens are no number.
    """
    if code.digits is None:
        values = units.inverse(predicted.numbers[:, 0].float(), fields)
        return values.where(predicted.tokens[:, 0] == NUM, torch.nan)
    parsed = [code.number_at(tokens, 0) for tokens in predicted.tokens.cpu().numpy()]
    values = [torch.nan if number is None else number for number in parsed]
    return torch.tensor(values, dtype=torch.float32, device=predicted.tokens.device)
