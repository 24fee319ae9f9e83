"""``mpp simulate``: write trajectories of a built-in system, as shards or HDF5."""

import warnings
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from mpp.data.description import Description
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.readers.pdebench import PDEBench
from mpp.data.shards import make_sample, recipe
from mpp.data.simulated import describe, scalars_of
from mpp.data.well_writer import write_well
from sciformer.arguments import check_least
from sciformer.data.shards.command import simulate as write_shards
from sciformer.files import new_file
from sciformer.progress import track

PDEBENCH = {  # system -> the set of PDEBench that has its fields
    "shallow_water": "shallow_water",
    "dam_break": "shallow_water",
    "diffusion_reaction": "diffusion_reaction",
    "diffusion_reaction_noise": "diffusion_reaction",
    "incompressible": "incompressible",
    "compressible": "compressible",
    "burgers": "burgers",
}


def simulate(  # noqa: PLR0913, PLR0917  # what the command line says of the data
    system: str,
    out: str = "data/mpp",
    layout: Literal["shards", "pdebench", "well"] = "shards",
    samples: int = 64,
    shards: int = 8,
    workers: int = 0,
    frames: int | None = None,
    shape: list[int] | None = None,
    dt: float | None = None,
    parameters: dict[str, float] | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Write trajectories of a built-in system; ``fit --data.files`` reads all layouts.

    An interrupted run that writes shards resumes; the bytes are the same for any number of workers.

    Args:
        system: shallow_water, dam_break, diffusion_reaction, diffusion_reaction_noise,
            incompressible, compressible or burgers.
        out: Output folder.
        layout: Format: ``shards``, or a single HDF5 file in the layout of ``pdebench`` or The
            ``well``.
        samples: Number of trajectories.
        shards: Number of shard files; at most ``samples``.
        workers: Number of processes that write shards; 0 writes in the main process.
        frames: Frames per trajectory; by default the system's own, as for the options below.
        shape: Number of points along each spatial axis.
        dt: Time between frames.
        parameters: Physical parameters by name.
        seed: Seed of the trajectories.
        overwrite: Replace existing output.

    Raises:
        ValueError: For an unknown system or parameter, a number out of range, or a folder that is
            not writable.
    """
    given = {"frames": frames, "shape": shape, "dt": dt, "parameters": parameters}
    options = {name: value for name, value in given.items() if value is not None}
    if layout == "shards":
        sample = partial(make_sample, system=system, seed=seed, options=options)
        own = recipe(system, seed, samples, shards, options)
        write_shards(out, sample, own, workers, overwrite)
        return
    check_least(samples=(samples, 1), seed=(seed, 0))
    description, _ = describe(system, options)
    path = new_file(Path(out) / f"{system}.hdf5", overwrite)
    arrays = _all(system, samples, seed, options)
    if layout == "pdebench":
        write_pdebench(path, PDEBENCH[system], arrays, description)
        _say_what_is_lost(path, description)
    else:
        write_well(path, system, arrays, description, parameters=scalars_of(system, options))
    print(f"{path}: {samples} trajectories, {path.stat().st_size / 2**20:.1f} MiB")  # noqa: T201


def _say_what_is_lost(path: Path, written: Description) -> None:
    """Warn about fields that PDEBench's layout cannot store."""
    found = PDEBench(path).description
    lost = [name for name in written.names if name not in found.names]
    if lost:
        warnings.warn(f"{path}: this set of PDEBench has no {', '.join(lost)}", stacklevel=2)


def _all(system: str, samples: int, seed: int, options: dict[str, object]) -> np.ndarray:
    """Simulate all trajectories, with a progress bar."""
    make = partial(make_sample, system=system, seed=seed, options=options)
    return np.stack([make(number)["frames"] for number in track(range(samples), system, samples)])
