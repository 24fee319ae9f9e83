"""Read a pretrained network from a run of ours or from weights of the original."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from mpp.convert.convert import ORIGINAL
from mpp.nn.add_fields import add_parameters, grow
from mpp.nn.field_vocabulary import Vocabulary
from mpp.nn.model import AViT, find_size
from sciformer.arguments import ArgumentError, inside
from sciformer.text import reason
from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.distrust import fitted

# What a network computes with given weights; the rest only matters while it is trained.
ARCHITECTURE = ("size", "patch", "axes", "halo", "bias", "target", "legacy")
DEFAULTS = {"axes": 2, "halo": 0}  # of the paper's own


class Pretrained(NamedTuple):
    """A pretrained network.

    Args:
        settings: Its architecture, as arguments of ``AViT``.
        fields: Names of the fields, in the order of the vocabulary's rows.
        weights: Its state dict.
        parameters: Names of the physical parameters that it takes.
    """

    settings: dict[str, Any]
    fields: Vocabulary
    weights: dict[str, Tensor]
    parameters: list[str]


def read(path: str | Path) -> Pretrained:
    """Read a pretrained network.

    Args:
        path: A checkpoint, a run folder, a file written by ``sciformer export``, or weights of the
            original, as published or as converted.

    Returns:
        The network.

    Raises:
        ValueError: If it is none of these.
    """
    found = checkpoint.find(path)
    saved = checkpoint.read(found, ORIGINAL)
    stored = saved["hyper_parameters"]
    network = stored.get("network")  # older ones have none
    settings = DEFAULTS | (network if isinstance(network, dict) else stored)
    names, prefix = stored.get("fields", []), ORIGINAL.prefix
    weights = {
        name.removeprefix(prefix): tensor
        for name, tensor in saved["state_dict"].items()
        if name.startswith(prefix)
    }
    missing = [name for name in ARCHITECTURE if name not in settings]
    if missing or not names:
        raise ValueError(
            f"{found}: not a network of mpp: has no {', '.join(missing or ['fields'])}"
        )
    try:
        parameters = list(stored.get("parameters") or [])
        return Pretrained(architecture(settings), Vocabulary(names), weights, parameters)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{found}: not a network of mpp: {reason(error)}") from error


def architecture(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of ``AViT`` that define the architecture, as plain data."""
    chosen = {name: settings[name] for name in ARCHITECTURE}
    return chosen | {"size": list(find_size(chosen["size"])), "patch": list(chosen["patch"])}


def continued(
    path: str,
    fields: Vocabulary,
    like: Mapping[str, str] | None = None,
    parameters: Sequence[str] = (),
    **settings: Any,
) -> AViT:
    """Build a network that starts from pretrained weights.

    Args:
        path: Pretrained network, see :func:`read`.
        fields: Fields of the new network: those of the pretrained one, then new ones.
        like: New field -> known field whose row it is initialized with; other new rows are random.
        parameters: Physical parameters of the new network: those of the pretrained one, and more.
        **settings: Arguments of ``AViT``, with the same architecture.

    Returns:
        The network.

    Raises:
        ValueError: If the pretrained network cannot be read, or differs in more than new fields.
    """
    with inside("start", path):
        trained = read(path)
    for name, ours in architecture(settings).items():
        if trained.settings[name] != ours:
            raise ArgumentError(
                "start", f"{path}: its {name} is {trained.settings[name]}, not {ours}"
            )
    try:
        model = fitted(lambda: _built(trained, settings), trained.weights).train()
    except ValueError as error:
        raise ArgumentError("start", f"{path}: {error}") from error
    grow(model, trained.fields, fields, like)
    add_parameters(model, trained.parameters, parameters)
    return model


def _built(trained: Pretrained, settings: Mapping[str, Any]) -> AViT:
    return AViT(len(trained.fields), **settings).condition(len(trained.parameters))
