"""Training with Lightning: precision, optimizers, checkpoints, callbacks, strategies.

``NAMES`` lists module names used in command lines, YAMLs or scripts; they remain valid when files
move.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

NAMES = {  # sciformer.training.<name> -> its file; a script of sciformer 0.1 may say checkpoint
    "budget": "callbacks.cpu_budget",
    "checkpoint": "checkpoints.checkpoint",
    "cost": "callbacks.cost",
    "recompute": "callbacks.recompute",
    "strategies": "distributed.strategies",
}


class Alias(ModuleType):
    """An alias of a module, imported on first access."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # who looks through all modules asks for none
            raise AttributeError(name)
        short = self.__name__.rpartition(".")[2]
        return getattr(import_module(f"{__name__}.{NAMES[short]}"), name)


sys.modules.update({f"{__name__}.{name}": Alias(f"{__name__}.{name}") for name in NAMES})
