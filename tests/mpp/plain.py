"""The original's AViT, restated plainly from the paper's code: slow, and what ours is held to.

It does what the original does and in its layout: channels before space, the fields embedded at full
resolution, 1x1 convolutions, all frames decoded though one is returned. Weights are a dict with the
names of the original's state dict.
"""

import math

import torch
import torch.nn.functional as F


def forward(w, frames, fields, periodic):
    """The frame after (batch, time, field, height, width)."""
    x = frames.transpose(0, 1)  # the original counts time first
    time = len(x)
    with torch.no_grad():
        std, mean = torch.std_mean(x, dim=(0, 3, 4), keepdim=True)
        std = std + 1e-7
    x = ((x - mean) / std).movedim(2, -1)  # (T, B, H, W, C)
    scale = (w["space_bag.weight"].shape[1] / len(fields)) ** 0.5
    x = scale * F.linear(x, w["space_bag.weight"][:, fields], w["space_bag.bias"])
    x = x.movedim(-1, 2).flatten(0, 1)
    for conv, stride in ((0, 4), (3, 2), (6, 2)):
        x = F.conv2d(x, w[f"embed.in_proj.{conv}.weight"], stride=stride)
        x = rms_norm(x, w[f"embed.in_proj.{conv + 1}.weight"])
        x = x if conv == 6 else F.gelu(x)
    x = x.unflatten(0, (time, -1))
    for block in range(depth(w)):
        x = temporal(w, f"blocks.{block}.temporal.", x)
        x = spatial(w, f"blocks.{block}.spatial.", x.flatten(0, 1), periodic)
        x = x.unflatten(0, (time, -1))
    x = x.flatten(0, 1)
    for conv in (0, 3):
        x = F.conv_transpose2d(x, w[f"debed.out_proj.{conv}.weight"], stride=2)
        x = F.gelu(rms_norm(x, w[f"debed.out_proj.{conv + 1}.weight"]))
    kernel, bias = w["debed.out_kernel"][:, fields], w["debed.out_bias"][fields]
    x = F.conv_transpose2d(x, kernel, bias, stride=4).unflatten(0, (time, -1))
    return (x * std + mean)[-1]


def depth(w):
    return 1 + max(int(name.split(".")[1]) for name in w if name.startswith("blocks."))


def rms_norm(x, weight):
    """Despite its name in the original: divide by the unbiased deviation, keep the mean."""
    return x / (x.std((-2, -1), keepdim=True) + 1e-8) * weight[:, None, None]


def heads_of(w, at, x):
    """Queries, keys and values, each (frames, heads, height, width, head_dim)."""
    head_dim = len(w[at + "qnorm.weight"])
    x = F.conv2d(x, w[at + "input_head.weight"], w[at + "input_head.bias"])
    q, k, v = x.unflatten(1, (-1, 3 * head_dim)).movedim(2, -1).tensor_split(3, -1)
    q = F.layer_norm(q, (head_dim,), w[at + "qnorm.weight"], w[at + "qnorm.bias"])
    k = F.layer_norm(k, (head_dim,), w[at + "knorm.weight"], w[at + "knorm.bias"])
    return q, k, v


def temporal(w, at, x):
    time, _, _, height, width = x.shape
    y = F.instance_norm(x.flatten(0, 1), None, None, w[at + "norm1.weight"], w[at + "norm1.bias"])
    q, k, v = (
        z.unflatten(0, (time, -1)).permute(1, 3, 4, 2, 0, 5).flatten(0, 2)  # (B H W, heads, T, c)
        for z in heads_of(w, at, y)
    )
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias_of(w, at, time, False))
    y = y.unflatten(0, (-1, height, width)).permute(4, 0, 3, 5, 1, 2)  # (T, B, heads, c, H, W)
    y = y.flatten(2, 3).flatten(0, 1)
    y = F.instance_norm(y, None, None, w[at + "norm2.weight"], w[at + "norm2.bias"])
    y = F.conv2d(y, w[at + "output_head.weight"], w[at + "output_head.bias"])
    return y.unflatten(0, (time, -1)) * w[at + "gamma"][:, None, None] + x


def spatial(w, at, x, periodic):
    q, k, v = heads_of(w, at, rms_norm(x, w[at + "norm1.weight"]))
    frames, _, height, width, _ = q.shape
    rows = [z.permute(0, 2, 1, 3, 4).flatten(0, 1) for z in (q, k, v)]  # (N H, heads, W, c)
    along = F.scaled_dot_product_attention(*rows, attn_mask=bias_of(w, at, width, periodic[1]))
    along = along.unflatten(0, (frames, height)).permute(0, 2, 4, 1, 3).flatten(1, 2)
    columns = [z.permute(0, 3, 1, 2, 4).flatten(0, 1) for z in (q, k, v)]  # (N W, heads, H, c)
    across = F.scaled_dot_product_attention(*columns, attn_mask=bias_of(w, at, height, periodic[0]))
    across = across.unflatten(0, (frames, width)).permute(0, 2, 4, 3, 1).flatten(1, 2)
    y = rms_norm((along + across) / 2, w[at + "norm2.weight"])
    y = F.conv2d(y, w[at + "output_head.weight"], w[at + "output_head.bias"])
    x = x + y * w[at + "gamma_att"][:, None, None]
    y = F.linear(x.movedim(1, -1), w[at + "mlp.fc1.weight"], w[at + "mlp.fc1.bias"])
    y = F.linear(F.gelu(y), w[at + "mlp.fc2.weight"], w[at + "mlp.fc2.bias"]).movedim(-1, 1)
    return x + rms_norm(y, w[at + "mlp_norm.weight"]) * w[at + "gamma_mlp"][:, None, None]


def bias_of(w, at, length, wraps):
    """What is added to the scores of one axis, with the original's way around a periodic one."""
    at += "rel_pos_bias."
    distance = torch.arange(length) - torch.arange(length)[:, None]  # key - query
    half = length // 2
    if at + "relative_attention_bias.weight" in w:
        if wraps:
            left, right = distance < -half, distance > half
            distance[left] = distance[left] % half
            distance[right] = distance[right] % -half
        return w[at + "relative_attention_bias.weight"][bucket(distance)].permute(2, 0, 1)[None]
    if at + "cpb_mlp.0.weight" not in w:
        return None
    if wraps:
        distance = (distance + half - 1) % length - half + 1  # one that is even: -half + 1 .. half
    place = (distance / (length - 1))[..., None].to(w[at + "cpb_mlp.0.weight"])
    hidden = F.relu(F.linear(place, w[at + "cpb_mlp.0.weight"], w[at + "cpb_mlp.0.bias"]))
    return 16 * F.linear(hidden, w[at + "cpb_mlp.2.weight"]).sigmoid().permute(2, 0, 1)[None]


def bucket(distance):
    """T5's bucket of a distance: sign, then exact up to 8, then in logarithmic steps up to 32."""
    size = distance.abs()
    far = 8 + (torch.log(size.clamp(min=1) / 8) / math.log(32 / 8) * 8).long()
    return 16 * (distance > 0) + torch.where(size < 8, size, far.clamp(max=15))


def random_weights(dim, heads, depth, states, bias="relative", seed=0):
    """Weights of the original's names and shapes; the gains are far from 1e-6, which hides all."""
    draw = Draw(seed)
    q, w = dim // 4, {}
    w |= {"space_bag.weight": draw(q, states), "space_bag.bias": draw(q, scale=0.3)}
    for conv, shape in {0: (q, q, 4, 4), 3: (q, q, 2, 2), 6: (dim, q, 2, 2)}.items():
        w[f"embed.in_proj.{conv}.weight"] = draw(*shape)
        w |= draw.norm(f"embed.in_proj.{conv + 1}", shape[0])  # its bias is not used
    for conv, size in ((0, dim), (3, q)):
        w[f"debed.out_proj.{conv}.weight"] = draw(size, q, 2, 2, scale=size**-0.5)
        w |= draw.norm(f"debed.out_proj.{conv + 1}", q)
    w |= {"debed.out_kernel": draw(q, states, 4, 4, scale=q**-0.5), "debed.out_bias": draw(states)}
    for i in range(depth):
        at = f"blocks.{i}."
        w |= draw.attention(f"{at}temporal.", dim, heads, bias)
        w |= draw.attention(f"{at}spatial.", dim, heads, bias)
        w[f"{at}temporal.gamma"] = draw(dim, scale=0.3)
        w |= {f"{at}spatial.gamma_{of}": draw(dim, scale=0.3) for of in ("att", "mlp")}
        w |= draw.norm(f"{at}spatial.mlp_norm", dim)
        at += "spatial.mlp."
        w |= {at + "fc1.weight": draw(4 * dim, dim), at + "fc1.bias": draw(4 * dim, scale=0.3)}
        w |= {at + "fc2.weight": draw(dim, 4 * dim), at + "fc2.bias": draw(dim, scale=0.3)}
    return w


class Draw:
    """Draws weights one after the other."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, *shape, scale=None):
        scale = (math.prod(shape[1:]) or 1) ** -0.5 if scale is None else scale
        return torch.randn(shape, generator=self.generator) * scale

    def norm(self, at, size):
        return {f"{at}.weight": 1 + self(size, scale=0.3), f"{at}.bias": self(size, scale=0.3)}

    def attention(self, at, dim, heads, bias):
        w = self.norm(f"{at}norm1", dim) | self.norm(f"{at}norm2", dim)
        w |= self.norm(f"{at}qnorm", dim // heads) | self.norm(f"{at}knorm", dim // heads)
        w[at + "input_head.weight"] = self(3 * dim, dim, 1, 1)
        w[at + "input_head.bias"] = self(3 * dim, scale=0.3)
        w[at + "output_head.weight"] = self(dim, dim, 1, 1)
        w[at + "output_head.bias"] = self(dim, scale=0.3)
        at += "rel_pos_bias."
        if bias == "relative":
            w[at + "relative_attention_bias.weight"] = self(32, heads, scale=1)
        elif bias == "continuous":
            w[at + "cpb_mlp.0.weight"] = self(512, 1, scale=1)
            w[at + "cpb_mlp.0.bias"] = self(512, scale=1)
            w[at + "cpb_mlp.2.weight"] = self(heads, 512, scale=0.1)
        return w
