"""Trained networks that come with the installed projects: ``PROJECT/NAME``."""

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from sciformer.allowlist import GROUP
from sciformer.training.checkpoints.hub import WEIGHTS

FOLDER = Path("nn/pretrained")  # in a package; a folder of ``save_pretrained`` for each network


def networks() -> dict[str, Path]:
    """Files of weights by name, such as ``astroclip/standard``."""
    found = {}
    for project in sorted(entry.name for entry in entry_points(group=GROUP)):
        spec = find_spec(project)
        folder = Path(str(spec and spec.origin)).parent / FOLDER
        for path in sorted(folder.glob(f"*/{WEIGHTS}")):
            found[f"{project}/{path.parent.name}"] = path
    return found


def name_of(path: Path) -> str | None:
    """Name of the network with these weights; None if it is not shipped."""
    return next((name for name, file in networks().items() if file == path), None)
