"""The numbers that a batch asks for, as a network answers them: the same for every encoding."""

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
    """Answer what is asked for from the rest of each text, all of it at once.

    A causal network answers each number from what is before it.

    Args:
        model: Sees numbers in its own units.
        code: The encoding of the batch.
        units: Between numbers and the units of the network.
        batch: Texts, and what is asked for in them.

    Returns:
        Numbers in their own units; NaN where the answer is no number, or nothing is asked for.
    """
    seen = units.channel(batch.tokens, batch.numbers, batch.fields)
    asked = batch.asked >= 0
    if model.causal:
        asked &= batch.answers > 0  # there is nothing before the first token
    rows, which = asked.nonzero(as_tuple=True)
    found = torch.full_like(batch.truth, torch.nan, dtype=torch.float32)
    if not len(rows):  # under FSDP all ranks have to call the network equally often
        for _ in range(code.length):
            model(batch.tokens, seen, batch.present)
        return found
    first = batch.answers[rows, which]
    each = torch.arange(code.length, device=first.device)
    own, places = rows[:, None], first[:, None] + each
    fields = batch.fields[own, places][:, 0]
    if model.causal:
        made = generate(model, batch.tokens[rows], seen[rows], first, code.length, stop=False)
        own = torch.arange(len(rows), device=rows.device)[:, None]
    else:
        hidden = torch.zeros_like(batch.tokens, dtype=torch.bool)
        hidden[own, places] = True
        tokens, numbers, _ = hide(batch.tokens, seen, hidden)
        made = fill(model, tokens, numbers, batch.present)
    answered = Text(made.tokens[own, places], made.numbers[own, places])
    found[rows, which] = read(answered, code, units, fields)
    return found


def read(
    made: Text, code: Encoding, units: Transforms, fields: Int64[Tensor, " numbers"]
) -> Float32[Tensor, " numbers"]:
    """The numbers that answered tokens say.

    Args:
        made: The tokens of one number in each row, and its value in the units of the network.
        code: Their encoding.
        units: Of the network.
        fields: The field of each number.

    Returns:
        Numbers in their own units, NaN where tokens say none.
    """
    if code.digits is None:
        values = units.inverse(made.numbers[:, 0].float(), fields)
        return values.where(made.tokens[:, 0] == NUM, torch.nan)
    said = [code.number_at(tokens, 0) for tokens in made.tokens.cpu().numpy()]
    values = [torch.nan if number is None else number for number in said]
    return torch.tensor(values, dtype=torch.float32, device=made.tokens.device)
