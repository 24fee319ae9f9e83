"""A checkpoint of a small network as a fit writes it, in a moment; random windows."""

import json

import torch
from mpp_small import SYSTEMS, module
from verbs import exit_code, refusal

from mpp.cli import PROJECT
from mpp.data.batch import Batch
from mpp.data.description import FIELDS, Description, by_name
from sciformer.training.checkpoints import checkpoint

KNOWN = Description(
    tuple(by_name(name) for name in ("height", "velocity_x")),
    (6, 4),
    ("periodic",) * 2,
    (1.0, 1.0),
    0.1,
)


def windows(count=5, steps=3):
    """Random windows of two fields."""
    torch.manual_seed(0)
    frames, target = torch.randn(count, 2, 2, 6, 4), torch.randn(count, steps, 2, 6, 4)
    return Batch(frames, target, torch.arange(2), ("periodic",) * 2, 0, torch.ones(3, 2))


def settings(**changed):
    """What a checkpoint says of its data."""
    given = {"simulate": SYSTEMS, "history": 2, "test_horizon": 3, "batch_size": 4}
    return {**given, "fields": list(FIELDS), "val_windows": 5, **changed}


def save(folder, own=None, **changed):
    """Write a checkpoint of a network that is not trained at all."""
    torch.manual_seed(0)
    own = own or module(FIELDS)
    state = {"state_dict": own.state_dict(), "hyper_parameters": dict(own.hparams)}
    state["datamodule_hyper_parameters"] = settings(**changed)
    checkpoint.stamp(state, own, {"seed": 0})
    torch.save(state, folder / "last.ckpt")
    return own.eval()


def command(*words):
    """Run a verb as from a terminal."""
    assert exit_code(PROJECT, *words) == 0


def complaint(capsys, *words):
    return refusal(PROJECT, capsys, *words)


def numbers(folder):
    """What a verb has measured."""
    return json.loads((folder / "metrics.json").read_text())
