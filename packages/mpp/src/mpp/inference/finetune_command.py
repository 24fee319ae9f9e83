"""``mpp finetune``: train from a pretrained network, with its architecture and fields."""

import json
from collections.abc import Sequence

from mpp.convert import initial_weights

USAGE = "mpp finetune CHECKPOINT --config FILE.yaml: the first word is what to start from"


def as_fit(words: Sequence[str]) -> list[str]:
    """Arguments of ``fit`` that start from a network, with its architecture and fields.

    Args:
        words: A checkpoint, a run folder or weights of the original; then options of ``fit``.

    Returns:
        Arguments of ``fit``. Architecture and fields come last, so that no configuration overrides
        them.

    Raises:
        ValueError: If there is no such network.
    """
    if not words or words[0] in ("-h", "--help"):
        return ["fit", "--help"]
    path, *rest = words
    if path.startswith("-"):
        raise ValueError(f"{path}: {USAGE}")
    found = initial_weights.read(path)
    fixed = {f"model.network.{name}": value for name, value in found.settings.items()}
    fixed |= {"model.start": path, "data.fields": list(found.fields.names), "data.extend": True}
    return ["fit", *rest, *(f"--{name}={_said(value)}" for name, value in fixed.items())]


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
