"""The original's network and training step, restated plainly: what ours is held to.

``nn.TransformerEncoder`` with learned positions, no padding mask, no final norm, heads at every
position; weights under the names of the original's state dict.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Plain(nn.Module):
    """Embedding times value plus position, encoder, two heads."""

    def __init__(self, vocab, dim, depth, heads, hidden, length, dropout=0.1):
        super().__init__()
        self.token_embed = nn.Embedding(vocab, dim)
        self.position_embed = nn.Embedding(length, dim)
        layer = nn.TransformerEncoderLayer(
            dim, heads, hidden, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder_stack = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.lm_head = nn.Sequential(
            nn.Linear(dim, hidden, bias=False), nn.GELU(), nn.Linear(hidden, vocab, bias=False)
        )
        self.num_head = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, 1))

    def forward(self, tokens, numbers):
        places = torch.arange(tokens.shape[1])
        x = self.token_embed(tokens) * numbers[..., None] + self.position_embed(places)
        x = self.encoder_stack(x)
        return self.lm_head(x), self.num_head(x)


def random_plain(vocab, dim, depth, heads, hidden, length, seed=0, dropout=0.1):
    """With layers that differ, as after a training."""
    torch.manual_seed(seed)
    model = Plain(vocab, dim, depth, heads, hidden, length, dropout)
    for parameter in model.parameters():
        std = parameter.shape[-1] ** -0.5 if parameter.ndim == 2 else 0.1
        nn.init.normal_(parameter, std=std)
    return model


def loss(logits, values, tokens, numbers, hidden, number):
    """Of the masked positions, as the original's notebook: everything computed, most ignored."""
    words = F.cross_entropy(logits.flatten(0, 1), tokens.masked_fill(~hidden, -100).flatten())
    asked = hidden & (tokens == number)
    return words + F.mse_loss(values[asked], numbers[asked][:, None])
