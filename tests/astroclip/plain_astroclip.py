"""The original's networks, restated plainly: what ours are held to.

Weights under the names of the original's state dicts. Attention by torch's fused kernel, as in the
original's SpecFormer; pooling by ``nn.MultiheadAttention``.
"""

import torch
import torch.nn.functional as F
from torch import nn

SCALES = {"g": (2, 6.0), "r": (1, 3.4), "z": (0, 2.2)}


def sliced(x):
    """The original's loop: every section, the last one dropped, a token of moments in front."""
    std, mean = x.std(1, keepdim=True).clip(min=0.2), x.mean(1, keepdim=True)
    x = (x - mean) / std
    sections = [x[:, start : start + 20, 0] for start in range(0, x.shape[1] - 10, 10)][:-1]
    tokens = torch.zeros(len(x), 1 + len(sections), 22)
    tokens[:, 1:, 2:] = torch.stack(sections, 1)
    tokens[:, 0, 0] = (mean[:, 0, 0] - 2) / 2
    tokens[:, 0, 1] = (std[:, 0, 0] - 2) / 8
    return tokens


def rgb(image):
    """The Legacy Surveys' viewer, band by band."""
    light = sum((image[:, i] * s + 0.03).clip(min=0) for i, (_, s) in enumerate(SCALES.values()))
    light = light / 3
    factor = torch.arcsinh(20 * light) / 20**0.5 / (light + (light == 0) * 1e-6)
    out = torch.zeros_like(image)
    for i, (plane, scale) in enumerate(SCALES.values()):
        out[:, plane] = ((image[:, i] * scale + 0.03) * factor).clip(0, 1)
    return out


def attention(x, joint, out, heads):
    q, k, v = joint(x).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Named(nn.Module):
    """A module of modules, under the original's names."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


def mlp(dim, hidden):
    return Named(encoder=nn.Linear(dim, hidden), decoder=nn.Linear(hidden, dim))


def through(part, x):
    return part.decoder(F.gelu(part.encoder(x)))


class SpecFormer(nn.Module):
    def __init__(self, dim=768, depth=6, heads=6, length=800, hidden=None):
        super().__init__()
        self.heads = heads
        self.data_embed = nn.Linear(22, dim)
        self.position_embed = nn.Embedding(length, dim)
        self.blocks = nn.ModuleList(
            Named(
                layernorm1=nn.LayerNorm(dim),
                attention=Named(attention=nn.Linear(dim, 3 * dim), projection=nn.Linear(dim, dim)),
                layernorm2=nn.LayerNorm(dim),
                mlp=mlp(dim, hidden or 4 * dim),
            )
            for _ in range(depth)
        )
        self.final_layernorm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 22)

    def forward(self, spectrum):
        return self.decode(sliced(spectrum))

    def decode(self, x):
        x = self.data_embed(x) + self.position_embed(torch.arange(x.shape[1]))
        for block in self.blocks:
            parts = block.attention
            x = x + attention(block.layernorm1(x), parts.attention, parts.projection, self.heads)
            x = x + through(block.mlp, block.layernorm2(x))
        x = self.final_layernorm(x)
        return x, self.head(x)


class ViT(nn.Module):
    """DINOv2's, with the numbers of its blocks counting through the chunks."""

    def __init__(self, size=24, patch=6, dim=32, depth=4, heads=2, chunks=2):
        super().__init__()
        self.heads = heads
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, (size // patch) ** 2 + 1, dim))
        self.mask_token = nn.Parameter(torch.zeros(1, dim))
        self.patch_embed = Named(proj=nn.Conv2d(3, dim, patch, patch))
        blocks = [
            Named(
                norm1=nn.LayerNorm(dim, 1e-6),
                attn=Named(qkv=nn.Linear(dim, 3 * dim), proj=nn.Linear(dim, dim)),
                ls1=Named(gamma=nn.Parameter(torch.ones(dim))),
                norm2=nn.LayerNorm(dim, 1e-6),
                mlp=Named(fc1=nn.Linear(dim, 4 * dim), fc2=nn.Linear(4 * dim, dim)),
                ls2=Named(gamma=nn.Parameter(torch.ones(dim))),
            )
            for _ in range(depth)
        ]
        at = range(0, depth, depth // chunks)
        self.blocks = nn.ModuleList(
            nn.ModuleList([*([nn.Identity()] * i), *blocks[i : i + depth // chunks]]) for i in at
        )
        self.norm = nn.LayerNorm(dim, 1e-6)

    def forward(self, image, bag=True):
        x = self.patch_embed.proj(image).flatten(2).mT
        if not bag:
            x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], 1) + self.pos_embed
        for block in [part for chunk in self.blocks for part in chunk]:
            if isinstance(block, nn.Identity):
                continue
            attended = attention(block.norm1(x), block.attn.qkv, block.attn.proj, self.heads)
            x = x + block.ls1.gamma * attended
            x = x + block.ls2.gamma * block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2(x))))
        return self.norm(x)


class Branch(nn.Module):
    """An encoder, cross-attention of one query, a norm and an MLP."""

    def __init__(self, backbone, dim, heads, context_dim, residual):
        super().__init__()
        self.backbone, self.residual = backbone, residual
        self.cross_attention = Named(
            query=nn.Parameter(torch.randn(1, 1, dim)),
            multihead_attn=nn.MultiheadAttention(
                dim, heads, batch_first=True, kdim=context_dim, vdim=context_dim
            ),
            layernorm=nn.LayerNorm(dim),
        )
        self.mlp = mlp(dim, 4 * dim)

    def read(self, tokens):
        parts = self.cross_attention
        query = parts.query.expand(len(tokens), -1, -1)
        x = parts.layernorm(parts.multihead_attn(query, tokens, tokens)[0])[:, 0]
        return x + through(self.mlp, x) if self.residual else through(self.mlp, x)


class AstroCLIP(nn.Module):
    def __init__(self, size=24, patch=6, dim=32, pooling_heads=4, depth=2, heads=3):
        super().__init__()
        image = ViT(size, patch, dim)
        spectrum = SpecFormer(48, depth, heads)
        self.image_encoder = Branch(image, dim, pooling_heads, dim, residual=False)
        self.spectrum_encoder = Branch(spectrum, dim, pooling_heads, 48, residual=True)

    def embed_image(self, image):
        return self.image_encoder.read(self.image_encoder.backbone(rgb(image)))

    def embed_spectrum(self, spectrum):
        return self.spectrum_encoder.read(self.spectrum_encoder.backbone(spectrum)[0])


def random_weights(model, seed=0):
    """With layers that differ, as after a training."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        std = parameter[0].numel() ** -0.5 if parameter.ndim in (2, 4) else 0.3
        nn.init.normal_(parameter, std=std, generator=generator)
    return model.eval()
