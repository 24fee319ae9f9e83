"""Distributed strategies DDP and FSDP, as classes that a YAML can name."""

from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from torch import nn
from torch.distributed.fsdp import fully_shard

from sciformer.nn.block import Block
from sciformer.training.lightning_private import Launched, shard_over_all_ranks


class DDP(Launched, DDPStrategy):
    """Data parallelism: each process holds the whole network; gradients are averaged.

    Args:
        find_unused_parameters: Search for parameters that a step did not use, at the cost of a
            graph traversal per step.
    """

    def __init__(self, find_unused_parameters: bool = False) -> None:
        super().__init__(
            find_unused_parameters=find_unused_parameters, gradient_as_bucket_view=True
        )


class FSDP(Launched, ModelParallelStrategy):
    """Fully sharded data parallelism (FSDP2): each process holds a shard of every parameter.

    Parameters are gathered block by block when used. Runs on GPUs and, through gloo, on CPUs. The
    module calls :func:`shard` in its ``configure_model``. Checkpoints are one file, like those of
    any other strategy.
    """

    def __init__(self) -> None:
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        shard_over_all_ranks(self)
        super().setup_environment()


def shard(module: LightningModule, network: nn.Module) -> None:
    """Shard a network block by block if the strategy is FSDP.

    Args:
        module: Module with the device mesh; with any other strategy nothing happens.
        network: Network of the module; each ``Block`` is one unit, the rest another.
    """
    if module.device_mesh is None:
        return
    mesh = module.device_mesh["data_parallel"]
    for block in network.modules():
        if isinstance(block, Block):
            fully_shard(block, mesh=mesh)
    fully_shard(network, mesh=mesh)
