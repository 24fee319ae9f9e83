"""MPP: the block, networks of small and large frames, the training step, solvers and loader."""

from itertools import islice

import torch
from case import Call, Case, Pass, differentiable
from torch import nn

from mpp.data.module import PhysicsData
from mpp.model import AViT
from mpp.module import PhysicsModule
from mpp.simulate.registry import system

SMALL = {"size": [96, 4, 2], "patch": [4], "halo": 2, "layer_scale": 1.0, "drop_path": 0.0}
SYSTEMS = [
    {"system": name, "count": 16, "frames": 8, "shape": [32, 32]}
    for name in ("shallow_water", "diffusion_reaction", "incompressible")
]
ROWS = torch.tensor([0, 1, 2])


def network(points: int, time: int, boundaries: tuple[str, str], **options) -> Case:
    def build():
        model = AViT(**{"layer_scale": 1.0, "drop_path": 0.0, **options})
        frames = torch.randn(1, time, 3, points, points)
        return (lambda: model(frames, ROWS, boundaries)), list(model.parameters())

    return differentiable(build)


def data(**options) -> PhysicsData:
    return PhysicsData(simulate=SYSTEMS, history=2, steps=30, **options)


def step(kind: Pass) -> Call:
    torch.manual_seed(0)
    source = data()
    own = PhysicsModule(source.fields, steps=30, **SMALL)
    batches = list(islice(source.train_dataloader(), 3))
    (optimizer,), _ = own.configure_optimizers()

    def call() -> None:
        for batch in batches:
            optimizer.zero_grad()
            own.loss(batch).backward()
            nn.utils.clip_grad_norm_(own.parameters(), 1.0)
            optimizer.step()

    return call


def loader(augment: bool) -> Case:
    def make(kind: Pass) -> Call:
        train = data(augment=augment).train_dataloader()
        return lambda: sum(len(batch.frames) for batch in train)

    return Case(make)


def solver(name: str) -> Case:
    def make(kind: Pass) -> Call:
        return lambda: system(name).simulate(0, 4, frames=4, shape=(32, 32))

    return Case(make)


PERIODIC, OPEN = ("periodic", "periodic"), ("open", "wall")
CASES = {
    "AViT small 32 x 32": network(32, 4, PERIODIC, size=(96, 4, 2), patch=(4,), halo=2),
    "AViT Ti 64 x 64": network(64, 4, OPEN),
    "mpp step": Case(step),
    "mpp loader": loader(augment=False),
    "mpp loader augmented": loader(augment=True),
    "mpp shallow water": solver("shallow_water"),
    "mpp compressible": solver("compressible"),
    "mpp incompressible": solver("incompressible"),
}
