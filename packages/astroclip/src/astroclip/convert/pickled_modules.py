"""Read the original's checkpoints, which hold pickled networks, without running their code."""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from sciformer.training.checkpoints.intact import check_records

# Where the pickled networks have their numbers of heads, among attributes and submodules
IMAGE = ("image_encoder", "backbone", "num_heads")
POOLING = ("image_encoder", "cross_attention", "multihead_attn", "num_heads")
SPECTRUM = ("spectrum_encoder", "backbone", "blocks", "0", "attention", "num_heads")


def shells(path: str) -> AbstractContextManager[Any]:
    """Load a checkpoint's pickled objects, except tensors, as empty placeholders in this context.

    Lightning checkpoints include the networks among the hyperparameters. torch loads only tensors
    safely, but allows names to be mapped to other classes: every unknown name is mapped to an empty
    class. No code from the file is imported or run.

    Args:
        path: The checkpoint; errors are left to the function that reads it.

    Returns:
        The context manager.
    """
    try:
        check_records(path)
        names = get_unsafe_globals_in_checkpoint(path)
    except Exception:  # a damaged pickle can raise anything at all
        return nullcontext()
    return safe_globals(
        [(_EmptyDict if name.endswith(("Dict", "dict")) else _Empty, name) for name in names]
    )


def heads_of(content: Mapping[str, Any]) -> dict[str, int]:
    """Numbers of attention heads that a checkpoint of the original says, by option of ``convert``.

    Args:
        content: Content of the file, read with :func:`shells`.

    Returns:
        As many as it says.
    """
    settings = content.get("hyper_parameters")
    if not isinstance(settings, Mapping):
        return {}
    places = {"heads": SPECTRUM, "image_heads": IMAGE, "pooling_heads": POOLING}
    found = {name: _at(settings, place) for name, place in places.items()}
    found["heads"] = found["heads"] or settings.get("num_heads")  # specformer.ckpt says it plainly
    return {name: count for name, count in found.items() if type(count) is int}


def _at(part: Any, place: tuple[str, ...]) -> Any:
    for name in place:
        state = part.state if isinstance(part, _Empty) else part
        own = state if isinstance(state, Mapping) else {}
        inner = own.get("_modules")
        part = own.get(name, inner.get(name) if isinstance(inner, Mapping) else None)
    return part


class _Empty:
    state: Any = None

    def __new__(cls, *args: Any, **options: Any) -> "_Empty":
        return super().__new__(cls)

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state  # plain data, tensors and placeholders


class _EmptyDict:
    def __new__(cls, *args: Any, **options: Any) -> OrderedDict:
        return OrderedDict()  # which torch's reader fills with items
