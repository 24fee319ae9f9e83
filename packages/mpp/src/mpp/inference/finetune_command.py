"""``mpp finetune``: a fit that starts from a trained network and knows its fields."""

import json
from collections.abc import Sequence

from mpp.convert import initial_weights

USAGE = "mpp finetune CHECKPOINT --config FILE.yaml: the first word is what to start from"


def as_fit(words: Sequence[str]) -> list[str]:
    """The same as ``fit``, with the network's architecture and fields, and ``model.start``.

    Args:
        words: A checkpoint, a run's folder or converted weights; then options of ``fit``.

    Returns:
        Words for ``fit``. What the network is comes last: no file can ask for another.

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
