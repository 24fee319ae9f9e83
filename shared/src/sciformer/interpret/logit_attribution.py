"""Direct logit attribution and logit lens: what each part of a network writes into its answer.

The residual stream is a sum of what was written into it. An answer that is affine in the stream is
therefore a sum over the writers, plus a constant (Elhage et al. 2021, "A mathematical framework for
transformer circuits"). The logit lens reads the answer off the stream before its end
(nostalgebraist 2020).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import jvp

from sciformer.interpret.hooks import Names, run_with_cache
from sciformer.nn.block import TransformerBlock

Read = Callable[[Tensor], Tensor]
REST, CONSTANT = "rest", "constant"


def writers(model: nn.Module) -> list[str]:
    """Sites that write into the residual stream of the transformer blocks, in order.

    Args:
        model: Network with blocks of the core, ``TransformerBlock``.

    Returns:
        The input of the first block, then attention and MLP of each block.

    Raises:
        ValueError: If it has no such block.
    """
    blocks = [name for name, m in model.named_modules() if isinstance(m, TransformerBlock)]
    if not blocks:
        raise ValueError(f"{type(model).__name__} has no TransformerBlock; name its writers")
    places = [f"{name}." if name else "" for name in blocks]
    return [f"{places[0]}in", *(f"{p}{x}.out" for p in places for x in ("attention", "mlp"))]


def stream_parts(
    model: nn.Module, *args: Any, end: str, names: Sequence[str] | None = None, **kwargs: Any
) -> dict[str, Tensor]:
    """Split the residual stream into what was written into it.

    Args:
        model: Network.
        *args: Its arguments.
        end: Site of the stream that is split, such as ``encoder.blocks.1.out``.
        names: Sites that write into it, of the shape of the stream or one that views as it; by
            default those of ``writers``.
        **kwargs: Its named arguments.

    Returns:
        Part of each site, and ``rest``: what the stream has beyond their sum.

    Raises:
        ValueError: If a name is no site, or what is at a site has another size.
    """
    sites = writers(model) if names is None else list(names)
    _, cache = run_with_cache(model, *args, names_filter=[*sites, end], **kwargs)
    whole = cache[end]
    for name in sites:
        if cache[name].numel() != whole.numel():
            sizes = f"{tuple(cache[name].shape)} is not the stream's {tuple(whole.shape)}"
            raise ValueError(f"site {name!r}: {sizes}")
    parts = {name: cache[name].reshape(whole.shape) for name in sites}
    return parts | {REST: whole - sum(parts.values())}


def attribute_logits(parts: Mapping[str, Tensor], read: Read) -> dict[str, Tensor]:
    """Direct logit attribution: what each part of the stream adds to the answer.

    Exact if ``read`` is affine, such as a linear head behind a frozen norm, see ``frozen``. Of
    another one it is the linear approximation around the stream.

    Args:
        parts: Parts of the stream, which is their sum.
        read: From stream to answer.

    Returns:
        Answer of each part, and ``constant``: what is no part's. Their sum is the answer.
    """
    total = sum(parts.values())
    assert isinstance(total, Tensor)
    answer = read(total)
    found = {name: jvp(read, (total,), (part,))[1] for name, part in parts.items()}
    return found | {CONSTANT: answer - sum(found.values())}


def frozen(norm: nn.LayerNorm, stream: Float[Tensor, "*batch dim"]) -> Read:
    """A layer norm whose deviation is that of a given stream: an affine map.

    Args:
        norm: The norm.
        stream: Stream that it divides by the deviation of.

    Returns:
        The affine map; of ``stream`` itself it gives what the norm gives.
    """
    deviation = (stream.var(-1, correction=0, keepdim=True) + norm.eps).sqrt().detach()

    def apply(x: Tensor) -> Tensor:
        out = (x - x.mean(-1, keepdim=True)) / deviation
        out = out if norm.weight is None else out * norm.weight
        return out if norm.bias is None else out + norm.bias

    return apply


def logit_lens(
    model: nn.Module, *args: Any, names: Names, read: Read, **kwargs: Any
) -> dict[str, Tensor]:
    """Logit lens: read the answer off the residual stream at some sites.

    Args:
        model: Network.
        *args: Its arguments.
        names: Sites of the stream, as in ``run_with_cache``.
        read: From stream to answer: the final norm, then the head.
        **kwargs: Its named arguments.

    Returns:
        Site -> answer.

    Raises:
        ValueError: If a name is no site of the network.
    """
    _, cache = run_with_cache(model, *args, names_filter=names, **kwargs)
    with torch.no_grad():
        return {name: read(x) for name, x in cache.items()}
