"""MPP: stem, head and block, networks of small and large frames, steps and rollouts."""

import torch
from case import Call, Case, Pass, built, differentiable, training_step
from parts import MPP
from torch import Tensor, nn

SMALL = {"size": [96, 1, 2], "patch": [4], "halo": 2, "layer_scale": 1.0, "drop_path": 0.0}
SYSTEM = {"system": "shallow_water", "count": 8, "frames": 5, "shape": [32, 32]}
ROWS = torch.tensor([0, 1, 2])
ALL = {"train": 1.0, "val": 0.0, "test": 0.0}


def network(points: int, time: int, boundaries: tuple[str, str], **options) -> Case:
    def build():
        model = MPP.AViT(**{"layer_scale": 1.0, "drop_path": 0.0, **options})
        frames = torch.randn(1, time, 3, points, points)
        return (lambda: model(frames, ROWS, boundaries)), list(model.parameters())

    return differentiable(build)


def avit(**options) -> nn.Module:
    return MPP.AViT(size=(96, 1, 3), layer_scale=1.0, drop_path=0.0, **options)


def stem(patch: tuple[int, ...], halo: int = 0) -> Case:
    """From four frames of three fields to their tokens."""

    def build():
        network = avit(patch=patch, halo=halo).get_submodule("stem")
        frames = torch.randn(4, 3, 64, 64)
        return (lambda: network(frames, ROWS, PERIODIC)), list(network.parameters())

    return differentiable(build)


def head(patch: tuple[int, ...], grid: tuple[int, int]) -> Case:
    def build():
        network = avit(patch=patch).get_submodule("head")
        tokens = torch.randn(4, grid[0] * grid[1], 96)
        return (lambda: network(tokens, ROWS, grid)), list(network.parameters())

    return differentiable(build)


def block(bias: str) -> Case:
    def build():
        network = avit(bias=bias).get_submodule("blocks.0")
        tokens = torch.randn(2, 4, 64, 96)
        return (lambda: network(tokens, (8, 8), PERIODIC)), list(network.parameters())

    return differentiable(build)


def step(kind: Pass) -> Call:
    torch.manual_seed(0)
    options = {"history": 2, "test_horizon": 1, "steps": 3, "batch_size": 2}
    source = MPP.PhysicsData(simulate=[SYSTEM], splits=ALL, **options)
    batch = next(iter(source.train_dataloader()))
    own = built(MPP.PhysicsModule, fields=source.fields, steps=1000, **SMALL)
    return training_step(own, lambda: own.loss(batch))


def rollout(kind: Pass) -> Call:
    torch.manual_seed(0)
    network, rollout = avit(patch=(4,)), MPP.rollout
    frames = torch.randn(1, 4, 3, 32, 32)

    @torch.no_grad()
    def call() -> Tensor:
        return rollout(network, frames, ROWS, PERIODIC, 3)

    return call


def metrics(kind: Pass) -> Call:
    torch.manual_seed(0)
    said, true = torch.randn(2, 2, 5, 3, 64, 64)
    found = [getattr(MPP, name) for name in ("nrmse", "vrmse", "spectral_error")]
    return lambda: [each(said, true) for each in found]


PERIODIC, OPEN = ("periodic", "periodic"), ("open", "wall")
CASES = {
    "mpp stem": stem((4, 2, 2)),
    "mpp stem halo": stem((4,), halo=2),
    "mpp head": head((4, 2, 2), (4, 4)),
    "mpp block relative": block("relative"),
    "mpp block continuous": block("continuous"),
    "mpp AViT 32 x 32": network(32, 4, PERIODIC, size=(96, 1, 2), patch=(4,), halo=2),
    "mpp AViT 64 x 64": network(64, 4, OPEN, size=(192, 2, 3)),
    "mpp step": Case(step),
    "mpp rollout": Case(rollout),
    "mpp metrics": Case(metrics),
}
