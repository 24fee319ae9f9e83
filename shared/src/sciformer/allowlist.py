"""What a command line, a YAML or a checkpoint may import: who names a class has it run."""

import os
from importlib.metadata import entry_points

from jsonargparse import set_parsing_settings

GROUP = "sciformer.projects"  # the entry points by which projects are found
TRUST = "--trust"  # of Lightning's verbs, on the command line alone
LIBRARIES = ("lightning", "torch", "torchmetrics")


def restrict(*targets: str) -> None:
    """Let values name classes of known packages only, from here on in this process.

    jsonargparse imports what a value names and compares both this name and the place where the
    object was defined with the list, so that ``torch.os.system`` is one of ``os``.

    Args:
        targets: Objects of the project at hand, as ``package.file:name``: its package is known.
    """
    named = [*targets, *(entry.value for entry in entry_points(group=GROUP))]
    ours = {"sciformer", *(target.partition(":")[0].partition(".")[0] for target in named)}
    set_parsing_settings(
        instantiate_subclass_spec_in_any=False,
        import_path_denylist=["*", *(f"{package}.__main__" for package in ours)],
        import_path_allowlist=[*LIBRARIES, *ours],
    )


def safe_environment() -> dict[str, str]:
    """The environment of a Python that imports nothing from the folder it is started in."""
    return {**os.environ, "PYTHONSAFEPATH": "1"}


def trust() -> None:
    """Let values name classes of any package, but of those that run programs or delete files."""
    set_parsing_settings(instantiate_subclass_spec_in_any=False, import_path_denylist=[])
