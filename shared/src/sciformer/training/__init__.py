"""Everything that is Lightning: precision, optimizers, checkpoints, callbacks, strategies.

``NAMES`` are the modules that a command line, a YAML or a script may name: they stay as they are
when files move.
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
    """Another name of a module, which is imported when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # who looks through all modules asks for none
            raise AttributeError(name)
        short = self.__name__.rpartition(".")[2]
        return getattr(import_module(f"{__name__}.{NAMES[short]}"), name)


sys.modules.update({f"{__name__}.{name}": Alias(f"{__name__}.{name}") for name in NAMES})
