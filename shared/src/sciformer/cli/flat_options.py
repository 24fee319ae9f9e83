"""Options of before there were tables: ``--model.lr`` is ``--model.optimizer.lr``."""

from collections.abc import Sequence
from typing import Any

import yaml
from jsonargparse import get_loader, set_loader

from sciformer.arguments import flat_names, grouped

LOAD = get_loader("yaml")


def accept_flat(words: Sequence[str], model: type) -> list[str]:
    """Let YAMLs and words name the entries of a table without it, as older ones do.

    Args:
        words: The command line.
        model: The class of the options ``model``.

    Returns:
        The same words, with today's names.
    """
    set_loader("yaml", lambda text: _grouped(LOAD(text), model), (yaml.YAMLError,))
    names = {f"--model.{flat}": f"--model.{place}" for flat, place in flat_names(model).items()}
    parts = (word.partition("=") for word in words)
    return [names.get(name, name) + equals + value for name, equals, value in parts]


def _grouped(content: Any, model: type) -> Any:
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        return {**content, "model": grouped(model, content["model"])}
    return content
