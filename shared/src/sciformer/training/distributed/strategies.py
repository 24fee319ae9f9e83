"""How a run is spread over processes: DDP and FSDP, as classes that a YAML can name."""

import os
import time
from collections.abc import Callable
from typing import Any

from lightning.fabric.strategies.launchers.subprocess_script import _ChildProcessObserver
from lightning.fabric.utilities.distributed import _set_num_threads_if_needed
from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from torch import nn
from torch.distributed.fsdp import fully_shard

from sciformer.nn.block import Block

GRACE = 30  # seconds in which a rank that has lost another one can say so and end


class Launcher(_SubprocessScriptLauncher):
    """Starts the ranks of a node; those that outlive one of them may end by themselves.

    Lightning kills them within five seconds, often before a word was said.
    """

    def launch(self, function: Callable, *args: Any, trainer: Any = None, **options: Any) -> Any:
        self.cluster_environment.validate_settings(self.num_processes, self.num_nodes)
        if not self.cluster_environment.creates_processes_externally:
            self._call_children_scripts()
            _Observer(os.getpid(), self.procs).start()
        _set_num_threads_if_needed(self.num_processes)
        return function(*args, **options)


class _Observer(_ChildProcessObserver):
    def _terminate_all(self) -> None:
        time.sleep(GRACE)
        super()._terminate_all()


class DDP(DDPStrategy):
    """Each process holds the whole network; gradients are averaged.

    Args:
        find_unused_parameters: Search for parameters that a step did not use; costs a walk over
            the graph at each step.
    """

    def __init__(self, find_unused_parameters: bool = False) -> None:
        super().__init__(
            find_unused_parameters=find_unused_parameters, gradient_as_bucket_view=True
        )

    def _configure_launcher(self) -> None:
        assert self.cluster_environment is not None
        self._launcher = Launcher(self.cluster_environment, self.num_processes, self.num_nodes)


class FSDP(ModelParallelStrategy):
    """Each process holds its share of every parameter (FSDP2), gathered block by block when used.

    Runs on GPUs and, through gloo, on CPUs. A module takes part by :func:`shard` in its
    ``configure_model``. Checkpoints are one file, like those of any other strategy.
    """

    def __init__(self) -> None:
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        self._data_parallel_size = self.num_processes * self.num_nodes
        super().setup_environment()

    def _configure_launcher(self) -> None:
        assert self.cluster_environment is not None
        self._launcher = Launcher(self.cluster_environment, self.num_processes, self.num_nodes)


def shard(module: LightningModule, network: nn.Module) -> None:
    """Share out a network's parameters, block by block, where the strategy is FSDP.

    Args:
        module: Asked for the strategy's device mesh; under any other strategy nothing happens.
        network: Of the module; each ``Block`` in it becomes one unit, the rest another.
    """
    if module.device_mesh is None:
        return
    mesh = module.device_mesh["data_parallel"]
    for block in network.modules():
        if isinstance(block, Block):
            fully_shard(block, mesh=mesh)
    fully_shard(network, mesh=mesh)
