"""Settings of the network, and the network that they describe."""

from dataclasses import dataclass

from sciformer.arguments import ArgumentError, check_least, check_positive, inside
from xval.encodings.encoding import Encoding
from xval.nn.model import XVal


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
        quantiles: Quantiles of each number, trained by the continuous ranked probability score
            beside the number, which they do not change; 0 for none, as in the paper. With 10 the
            ends of a 90 % interval are among them. Text encodings have none.
    """

    dim: int = 768
    depth: int = 6
    heads: int = 6
    mlp_ratio: float = 4.0
    causal: bool = False
    scales: list[float] | None = None
    final_norm: bool = True
    pointer: bool = False
    quantiles: int = 0


def built(network: Network, code: Encoding, length: int) -> XVal:
    """Build a network for the tokens of an encoding.

    Args:
        network: Its settings.
        code: The encoding.
        length: Maximum number of tokens per text.

    Returns:
        The network, with initial weights.

    Raises:
        ArgumentError: Naming a setting out of range.
    """
    with inside("network", {}):
        check_least(
            dim=(network.dim, 1), depth=(network.depth, 0), quantiles=(network.quantiles, 0)
        )
        check_positive(mlp_ratio=network.mlp_ratio)
        if network.pointer and network.causal:
            raise ArgumentError("pointer", "not for a causal network")
        one = code.digits is None  # token per number
        own = {"pointer": network.pointer and one, "quantiles": network.quantiles * one}
        return XVal(code.size, length=length, **{**vars(network), **own})
