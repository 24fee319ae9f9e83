"""Counting transformer with weights set by hand: the paper's circuit, exact by construction.

Golkar et al. 2024 (arXiv 2406.02585), propositions 2.1 and 2.2, in the network that we train:

1. Every token attends to the delimiters before it; the fraction of ``[`` among them is
   ``r / (2 r - 1)`` inside region ``r`` and 1/2 between regions.
2. The MLP compares it with thresholds, one between each region's fraction and the next one's.
3. The prompt of region ``r`` attends to its region's 1s, with weight 1 each, and to a bias token
   with total weight ``beta``; so it decodes ``theta = n / (n + beta)``.
4. The head computes ``n = beta theta / (1 - theta)``.

Every feature is stored as ``(f, -f)`` next to a pair ``(LARGE, -LARGE)``. The layer norms then see
zero mean and equal variance for all tokens, and only scale.
"""

import math
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from contextual_counting.nn.count_heads import UNIT, QuadraticHead
from contextual_counting.nn.model import BEGIN, TOKENS, CountingTransformer
from contextual_counting.simulate.sequences import CLOSE, ONE, OPEN, ZERO
from sciformer.nn.attention import SelfAttention
from sciformer.nn.mlp import MLP
from sciformer.nn.pooling import AttentionPooling

Bias = Literal["begin", "own", "close", "zeros"]

REGIONS = 12  # prompts
LENGTH, USED = 512, 4  # length T and regions R for which a bias of several tokens is calibrated
COUNTS = 1024  # classes: regions of T 2048 hardly ever hold more 1s
BETA = 115.0  # attention on the bias in units of one 1
SHARP = 8.0  # log sharpness of the head: logits of neighboring counts differ by 1 at 511
LARGE = 1000.0
ATTENDED, IGNORED = 25.0, -25.0  # scores of delimiters and of 0s and 1s in the encoder; begin: 0
STEP = 20.0  # gelu(-20) is 0
PENALTY = -40.0  # score of tokens that a prompt must not see
DIM, HEAD_DIM = 64, 64

# Channels of the features in the residual stream; each takes two.
SIZE, CLASSES, SHARE, ABOVE, BELOW = 0, 2, 12, 14, 38


class BiasToken(NamedTuple):
    """Bias tokens that a count is compared with, and their number at T 512 and R 4."""

    token: int
    number: float


BIASES: dict[str, BiasToken] = {
    "begin": BiasToken(BEGIN, 1),
    "own": BiasToken(OPEN, 1),
    "close": BiasToken(CLOSE, USED),
    "zeros": BiasToken(ZERO, (LENGTH - 2 * USED) / 2),
}


def shares(regions: int = REGIONS) -> list[float]:
    """Fraction of ``[`` among the delimiters before a token, inside each region."""
    return [region / (2 * region - 1) for region in range(1, regions + 1)]


@torch.no_grad()
def set_weights(model: CountingTransformer, bias: Bias) -> None:
    """Set the weights of a network to the circuit.

    Args:
        model: Network of width 64 with one head, no positions, a beginning token, a quadratic head,
            at least 12 prompts and no MLP in its decoder.
        bias: Tokens that counts are compared with: the beginning token, the region's own ``[``, all
            ``]``, or all zeros.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            for parameter in layer.parameters():
                parameter.zero_()
    _embed(model.encoder.embedding.weight)
    _attend(model.encoder.block.attention)
    _step(model.encoder.block.mlp, BIASES[bias].token if bias != "own" else None)
    _pool(model.decoder.attention, BIASES[bias])
    head = model.decoder.head
    assert isinstance(head, QuadraticHead)
    head.ratio.weight[:, 0] = torch.tensor([BETA / UNIT, -1.0])
    head.ratio.bias[:] = torch.tensor([0.0, 1.0])
    head.sigma.fill_(SHARP)


def _embed(table: Tensor) -> None:
    table.zero_()
    table[:, SIZE], table[:, SIZE + 1] = LARGE, -LARGE
    for token in range(TOKENS):
        _write(table[token], CLASSES + 2 * token, 1.0)


def _attend(attention: SelfAttention) -> None:
    """Equal queries; keys are scores by token class; the value is 1 for ``[``."""
    attention.query.bias[0] = math.sqrt(HEAD_DIM)
    for token, score in {ZERO: IGNORED, ONE: IGNORED, OPEN: ATTENDED, CLOSE: ATTENDED}.items():
        _read(attention.key.weight[0], CLASSES + 2 * token, score)
    _read(attention.value.weight[0], CLASSES + 2 * OPEN, 1.0)
    _write(attention.out.weight[:, 0], SHARE, 1.0)


def _step(mlp: MLP, exempt: int | None) -> None:
    """Two bits per threshold: above it, or below; both are 0 for exempt tokens.

    A bit is ``(gelu(s) - gelu(s - 20)) / 20`` with ``|s| >= 40`` for every possible input: 0 is
    exact, and 1 as exact as fp32.
    """
    known = shares(REGIONS + 1)
    slope = 2 * STEP / min((one - other) / 2 for one, other in pairwise(known))
    hidden = 0
    for boundary, (one, other) in enumerate(pairwise(known)):
        middle = (one + other) / 2
        for sign, place in ((1.0, ABOVE + 2 * boundary), (-1.0, BELOW + 2 * boundary)):
            weight, bias = mlp.up.weight[hidden : hidden + 2], mlp.up.bias[hidden : hidden + 2]
            _read(weight, SHARE, sign * slope)
            bias[:] = torch.tensor([0.0, -STEP]) - sign * slope * middle
            if exempt is not None:
                _read(weight, CLASSES + 2 * exempt, -2 * slope)
            _write(mlp.down.weight[:, hidden], place, 1 / STEP)
            _write(mlp.down.weight[:, hidden + 1], place, -1 / STEP)
            hidden += 2


def _pool(attention: AttentionPooling, bias: BiasToken) -> None:
    """Prompts use channels 1 to 12, so that the decoded value stays in channel 0."""
    attention.queries.zero_()
    root = math.sqrt(HEAD_DIM)
    for boundary in range(REGIONS):
        _read(attention.key.weight[boundary], ABOVE + 2 * boundary, PENALTY)
        _read(attention.key.weight[REGIONS + boundary], BELOW + 2 * boundary, PENALTY)
    for token in set(range(TOKENS)) - {ONE, bias.token}:
        _read(attention.key.weight[2 * REGIONS], CLASSES + 2 * token, PENALTY)
    _read(attention.key.weight[2 * REGIONS], CLASSES + 2 * ONE, -math.log(BETA / bias.number))
    for region in range(REGIONS):
        attention.queries[region, 1 + region] = 1.0
        query = attention.query.weight[:, 1 + region]
        query[REGIONS + region] = query[2 * REGIONS] = root
        if region > 0:
            query[region - 1] = root
    _read(attention.value.weight[0], CLASSES + 2 * ONE, 1.0)
    attention.out.weight[0, 0] = 1.0


def _write(row: Tensor, place: int, value: float) -> None:
    row[place], row[place + 1] = value, -value


def _read(rows: Tensor, place: int, factor: float) -> None:
    """Read ``factor f`` of a feature after a norm, which has divided it by the tokens' scale."""
    half = factor * LARGE * math.sqrt(2 / DIM) / 2
    rows[..., place], rows[..., place + 1] = half, -half
