"""Check token ids before they are looked up."""

import torch
from jaxtyping import Int64
from torch import Tensor


def check_ids(tokens: Int64[Tensor, "*batch"], vocab: int) -> None:
    """Check that token ids are in the vocabulary: a lookup by one-hot vectors does not.

    On a GPU the check does not wait: the error comes with one of the next operations. Compiled and
    exported networks raise a ``RuntimeError``, as the check is one of their operations.

    Args:
        tokens: Token ids.
        vocab: Number of tokens.

    Raises:
        ValueError: Naming an id that is out of range.
    """
    if not tokens.numel():
        return
    low, high = torch.aminmax(tokens)
    if tokens.device.type != "cpu" or torch.compiler.is_compiling():
        right = (low >= 0) & (high < vocab)
        torch._assert_async(right, f"a token id is none of 0 to {vocab - 1}")  # pyright: ignore[reportPrivateImportUsage]
    elif low < 0 or high >= vocab:
        bad = int(low if low < 0 else high)
        raise ValueError(f"token id {bad} is none of 0 to {vocab - 1}")
