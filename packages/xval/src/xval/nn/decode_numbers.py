"""Decode the target numbers of a batch from a network's output, for every encoding."""

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from xval.encodings.encoding import Encoding
from xval.encodings.normalization import Transforms
from xval.encodings.special_tokens import NUM
from xval.nn.generate import Text
from xval.nn.source import Source


def read(
    predicted: Text,
    code: Encoding,
    units: Transforms,
    fields: Int64[Tensor, " numbers"],
    at: Int64[Tensor, " numbers"] | None = None,
    source: Source | None = None,
) -> Float32[Tensor, " numbers"]:
    """Convert predicted tokens to numbers in their original units.

    Args:
        predicted: Tokens of one number per row, and its value in normalized units.
        code: Their encoding.
        units: Normalization of the numbers.
        fields: Field of each number.
        at: Their places in (batch x time).
        source: Numbers that are answered without rounding where they were copied.

    Returns:
        Numbers; NaN where the tokens are no number.
    """
    if code.digits is None:
        normalized = predicted.numbers[:, 0].float()
        values = units.inverse(normalized, fields)
        if source is not None and at is not None:
            values = source.as_written(values, normalized, at)
        return values.where(predicted.tokens[:, 0] == NUM, torch.nan)
    parsed = [code.number_at(tokens, 0) for tokens in predicted.tokens.cpu().numpy()]
    values = [torch.nan if number is None else number for number in parsed]
    return torch.tensor(values, dtype=torch.float32, device=predicted.tokens.device)


def read_quantiles(
    predicted: Text, units: Transforms, fields: Int64[Tensor, " numbers"]
) -> Float32[Tensor, "numbers levels"]:
    """Convert predicted quantiles to original units; there are none without a head for them.

    Args:
        predicted: Numbers of one token per row, in normalized units.
        units: Normalization of the numbers.
        fields: Field of each number.

    Returns:
        Quantiles, rising.
    """
    if predicted.quantiles is None:
        return torch.empty(len(fields), 0, dtype=torch.float32, device=fields.device)
    return units.inverse(predicted.quantiles[:, 0].float(), fields[:, None])
