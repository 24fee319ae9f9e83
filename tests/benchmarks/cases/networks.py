"""The core's networks: pooling, blocks, an encoder and its training step."""

import torch
from case import Call, Case, Pass, module
from parts import CORE
from torch import Tensor

DIM, HEADS = 64, 4


def tokens(batch: int = 4, time: int = 128, dim: int = DIM) -> Tensor:
    return torch.randn(batch, time, dim)


def padded(batch: int = 4, time: int = 128) -> Tensor:
    return torch.arange(time) < torch.linspace(time // 2, time, batch)[:, None]


def encoder_step(kind: Pass) -> Call:
    torch.manual_seed(0)
    network, x = CORE.Encoder(DIM, 2, HEADS), tokens()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()

    return step


CASES = {
    "pooling 1 query": module(lambda: (CORE.AttentionPooling(DIM, HEADS, 1), (tokens(),))),
    "pooling 1 query mask": module(
        lambda: (CORE.AttentionPooling(DIM, HEADS, 1), (tokens(), padded()))
    ),
    "pooling 32 queries": module(lambda: (CORE.AttentionPooling(DIM, HEADS, 32), (tokens(),))),
    "self-attention": module(lambda: (CORE.SelfAttention(DIM, HEADS), (tokens(),))),
    "mlp": module(lambda: (CORE.MLP(DIM, 4 * DIM), (tokens(),))),
    "rotary": module(lambda: (CORE.Rotary(16), (torch.randn(8, 4, 128, 16),))),
    "block": module(lambda: (CORE.TransformerBlock(DIM, HEADS), (tokens(),))),
    "block causal T512": module(
        lambda: (CORE.TransformerBlock(DIM, HEADS, causal=True), (tokens(1, 512),))
    ),
    "block rotary qk-norm": module(
        lambda: (
            CORE.TransformerBlock(DIM, HEADS, qk_norm=True, rotary=CORE.Rotary(16)),
            (tokens(),),
        )
    ),
    "block causal alibi": module(
        lambda: (
            CORE.TransformerBlock(
                DIM, HEADS, causal=True, alibi=CORE.Alibi(CORE.alibi_slopes(HEADS))
            ),
            (tokens(),),
        )
    ),
    "block bf16": module(
        lambda: (CORE.TransformerBlock(DIM, HEADS).bfloat16(), (tokens().bfloat16(),))
    ),
    "encoder": module(lambda: (CORE.Encoder(DIM, 2, HEADS), (tokens(),))),
    "encoder step": Case(encoder_step),
}
