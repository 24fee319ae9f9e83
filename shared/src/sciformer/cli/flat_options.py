"""Former names of options without tables: ``--model.lr`` is ``--model.optimizer.lr``."""

from collections.abc import Sequence
from typing import Any

import yaml
from jsonargparse import get_loader, set_loader

from sciformer.arguments import flat_names, grouped
from sciformer.cli.own_module import without_class

LOAD = get_loader("yaml")


def accept_flat(words: Sequence[str], model: type) -> list[str]:
    """Accept options and YAML keys of older versions, which have no tables.

    Args:
        words: Command line arguments.
        model: Class that defines the options ``model``.

    Returns:
        The arguments with present names.
    """
    set_loader("yaml", lambda text: _grouped(LOAD(text), model), (yaml.YAMLError,))
    names = {f"--model.{flat}": f"--model.{place}" for flat, place in flat_names(model).items()}
    parts = (word.partition("=") for word in words)
    return [names.get(name, name) + equals + value for name, equals, value in parts]


def _grouped(content: Any, model: type) -> Any:
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        return {**content, "model": grouped(model, without_class(content["model"]))}
    return content
