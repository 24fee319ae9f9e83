"""Numbers from the tokens that a network answers, in every encoding."""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from xval.encodings.encoding import Encoding
from xval.encodings.normalization import Transforms
from xval.encodings.special_tokens import NUM
from xval.nn.generate import Text


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
