"""The core's training: optimizers, checkpoints and plain weights, written and read."""

import torch
from case import Call, Case, Pass
from files import own
from parts import CORE
from torch import nn


class Small(nn.Module):
    """Two hidden layers with the settings that a checkpoint keeps."""

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(width, width) for _ in range(8)))
        self.hparams = {"width": width}


def content() -> dict:
    """What Lightning saves: weights, settings, and the state of AdamW."""
    torch.manual_seed(0)
    network = Small()
    optimizer = torch.optim.AdamW(network.parameters())
    network.layers(torch.randn(4, 192)).sum().backward()
    optimizer.step()
    found = {"state_dict": network.state_dict(), "hyper_parameters": network.hparams}
    found |= {"optimizer_states": [optimizer.state_dict()], "global_step": 1}
    CORE.stamp(found, network, {"seed": 0, "cpu_s": 1.0})
    return found


def writing(kind: Pass) -> Call:
    path, saved, files = own() / "last.ckpt", content(), CORE.CheckpointFiles()
    return lambda: files.save_checkpoint(saved, path)


def reading(kind: Pass) -> Call:
    """Every tensor is looked at: they may only be mapped."""
    path, files = own() / "last.ckpt", CORE.CheckpointFiles()
    files.save_checkpoint(content(), path)

    def call() -> list[float]:
        found = files.load_checkpoint(path)
        return [float(tensor.sum()) for tensor in found["state_dict"].values()]

    return call


def loading(kind: Pass) -> Call:
    path, load = own() / "last.ckpt", CORE.load
    CORE.CheckpointFiles().save_checkpoint(content(), path)
    return lambda: load(path, Small)


def exporting(kind: Pass) -> Call:
    path, export, read = own() / "a.safetensors", CORE.export_safetensors, CORE.read_plain
    weights = content()["state_dict"]

    def call() -> None:
        export(weights, path, {"bench": {"format": 1}})
        read(path)

    return call


def originals(kind: Pass) -> Call:
    path, read = own() / "original.pt", CORE.read_original
    torch.save({"model_state": content()["state_dict"]}, path)
    return lambda: read(path)


def optimizer(muon: bool) -> Case:
    def make(kind: Pass) -> Call:
        torch.manual_seed(0)
        matrices = [nn.Parameter(torch.randn(96, size)) for size in (96, 96, 384)]
        vectors = [nn.Parameter(torch.randn(96)) for _ in range(4)]
        for parameter in (*matrices, *vectors):
            parameter.grad = torch.randn_like(parameter)
        if muon:
            groups = CORE.decay_groups(vectors, 0.01)
            hidden = [{"params": matrices, "lr": 1e-3, "weight_decay": 0.01}]
            return CORE.MuonAdamW(hidden, groups, lr=1e-3).step
        return CORE.adamw(CORE.decay_groups([*matrices, *vectors], 0.01), 1e-3).step

    return Case(make)


CASES = {
    "checkpoint written": Case(writing),
    "checkpoint read": Case(reading),
    "checkpoint loaded": Case(loading),
    "safetensors": Case(exporting),
    "original weights": Case(originals),
    "AdamW": optimizer(muon=False),
    "Muon": optimizer(muon=True),
}
