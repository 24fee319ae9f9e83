"""Add new fields and physical parameters to a trained network."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mpp.nn.field_vocabulary import Vocabulary
from mpp.nn.model import AViT
from mpp.nn.stem import uniform
from sciformer.arguments import ArgumentError


def grow(
    model: AViT, known: Vocabulary, wanted: Vocabulary, like: Mapping[str, str] | None = None
) -> None:
    """Extend stem and head of a network to a larger vocabulary; trained rows do not change.

    Parameters of stem and head are replaced: build the optimizer afterwards.

    Args:
        model: Network, changed in place.
        known: Its present vocabulary.
        wanted: The same names in the same order, followed by new ones.
        like: Field -> known field whose row is copied as its initial value. A known field may be
            named too, if its own row was never trained. Other new rows are drawn.

    Raises:
        ValueError: If ``wanted`` does not begin with ``known``, or ``like`` names an unknown field.
    """
    like = like or {}
    rows = model.stem.field_weight.shape[1]
    if len(known) != rows or wanted.names[:rows] != known.names:
        reason = f"{list(wanted.names)} does not begin with the {rows} rows of the network"
        raise ArgumentError("fields", reason)
    strange = [name for name in like if name not in wanted.names]
    if strange:
        names = ", ".join(wanted.names)
        raise ArgumentError("like", f"{', '.join(strange)} is no field; there are {names}")
    origins = [like.get(name, name if name in known.names else None) for name in wanted.names]
    sources = known.rows([origin or known.names[0] for origin in origins])
    drawn = torch.tensor([origin is None for origin in origins], dtype=torch.bool)
    points = model.head.kernel.shape[2]
    for owner, name, axis, inputs in (
        (model.stem, "field_weight", 1, len(wanted)),
        (model.head, "kernel", 1, len(wanted) * points),
        (model.head, "bias", 0, len(wanted) * points),
    ):
        setattr(owner, name, _widened(getattr(owner, name), axis, inputs, sources, drawn))


def add_parameters(model: AViT, known: Sequence[str], wanted: Sequence[str]) -> None:
    """Let a network take more physical parameters, in any order; trained rows do not change.

    Args:
        model: Network, changed in place.
        known: The parameters that it takes.
        wanted: The same and new ones.

    Raises:
        ValueError: If ``wanted`` lacks one of ``known``.
    """
    lost = [name for name in known if name not in wanted]
    if lost:
        reason = f"{list(wanted)} lacks {', '.join(lost)}, which the network takes"
        raise ArgumentError("parameters", reason)
    old, new = model.conditioning, model.condition(len(wanted)).conditioning
    if old is not None and new is not None:
        rows, places = new.state_dict(), [wanted.index(name) for name in known]
        for name, values in old.state_dict().items():
            rows[name][places] = values


def _widened(
    old: nn.Parameter, axis: int, inputs: int, sources: Tensor, drawn: Tensor
) -> nn.Parameter:
    with torch.no_grad():
        copies = old.index_select(axis, sources.to(old.device))
        fresh = torch.empty_like(copies)
        uniform(fresh, inputs)
        shape = [1] * old.ndim
        shape[axis] = -1
        rows = torch.where(drawn.to(old.device).view(shape), fresh, copies)
        return nn.Parameter(rows, old.requires_grad)
