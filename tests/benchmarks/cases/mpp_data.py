"""MPP's data: files of PDEBench and The Well, shards, caches, loaders, and what simulates."""

from pathlib import Path

import h5py
import numpy as np
from case import Call, Case, Pass
from files import once, own
from parts import CORE, MPP

TRAJECTORIES, FRAMES, POINTS = 4, 24, 64
WINDOW = 17  # frames that a training reads at once
ALL = {"train": 1.0, "val": 0.0, "test": 0.0}
SYSTEMS = [
    {"system": name, "count": 8, "frames": 5, "shape": [32, 32]}
    for name in ("shallow_water", "diffusion_reaction", "incompressible")
]


def frames(*shape: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((TRAJECTORIES, FRAMES, *shape), np.float32)


def pdebench(folder: Path) -> None:
    """A file of each of its layouts, as its own code writes them."""
    square = (POINTS, POINTS)
    with h5py.File(folder / "diffusion_reaction.h5", "w") as file:
        for number, array in enumerate(frames(*square, 2)):
            group = file.create_group(f"{number:04d}")
            group["data"] = array
            group["grid/t"] = np.arange(FRAMES, dtype="f4")
            for axis in "xy":
                group[f"grid/{axis}"] = np.arange(POINTS, dtype="f4")
    with h5py.File(folder / "compressible.hdf5", "w") as file:
        for key in ("Vx", "Vy", "density", "pressure"):
            file[key] = frames(*square)
        line(file, "xy", POINTS)
    with h5py.File(folder / "incompressible.h5", "w") as file:
        file["velocity"], file["particles"] = frames(*square, 2), frames(*square, 1)
        file["t"] = np.tile(np.arange(FRAMES, dtype="f4"), (TRAJECTORIES, 1))
    with h5py.File(folder / "burgers.hdf5", "w") as file:
        file["tensor"] = frames(POINTS**2)
        line(file, "x", POINTS**2)


def line(file: h5py.File, axes: str, points: int) -> None:
    for axis in axes:
        file[f"{axis}-coordinate"] = np.arange(points, dtype="f4")
    file["t-coordinate"] = np.arange(FRAMES + 1, dtype="f4")


def well(folder: Path) -> None:
    """One of The Well's: a scalar, a vector and a tensor, packed frame by frame."""
    with h5py.File(folder / "well.hdf5", "w") as file:
        file.attrs.update({"dataset_name": "bench", "grid_type": "cartesian"})
        file.attrs.update({"n_spatial_dims": 2, "n_trajectories": TRAJECTORIES})
        dimensions = file.create_group("dimensions")
        dimensions.attrs["spatial_dims"] = ["x", "y"]
        for name, size in (("time", FRAMES), ("x", POINTS), ("y", POINTS)):
            dimensions[name] = np.arange(size, dtype="f4")
        for rank, name in enumerate(("density", "velocity", "stress")):
            group = file.create_group(f"t{rank}_fields")
            group.attrs["field_names"] = [name]
            array, chunk = frames(POINTS, POINTS, *(2,) * rank), (POINTS, POINTS, *(2,) * rank)
            rounded = np.round(array, 1)  # which gzip makes smaller, as it does smooth fields
            field = group.create_dataset(
                name, data=rounded, chunks=(1, 1, *chunk), compression="gzip", compression_opts=1
            )
            field.attrs.update({"sample_varying": True, "time_varying": True})
            field.attrs["dim_varying"] = [True, True]
        for axis in "xy":
            side = file.create_group(f"boundary_conditions/{axis}_periodic")
            side.attrs.update({"associated_dims": [axis], "bc_type": "PERIODIC"})
            side["mask"] = np.ones(POINTS, bool)


FILES = {
    "PDEBench diffusion-reaction": (pdebench, "diffusion_reaction.h5"),
    "PDEBench compressible": (pdebench, "compressible.hdf5"),
    "PDEBench incompressible": (pdebench, "incompressible.h5"),
    "PDEBench Burgers": (pdebench, "burgers.hdf5"),
    "The Well": (well, "well.hdf5"),
}


def place(kind: str) -> str:
    write, file = FILES[kind]
    return str(once(f"mpp-{write.__name__}", write) / file)


def reader(kind: str, windows: int = 4) -> Case:
    """Windows of a file that is open."""

    def make(_: Pass) -> Call:
        _, found = MPP.open_files(place(kind))
        wanted = [(n % TRAJECTORIES, n % (FRAMES - WINDOW)) for n in range(windows)]
        return lambda: [found.read(n, start, start + WINDOW) for n, start in wanted]

    return Case(make)


def write_arrays(folder: Path) -> None:
    for number in range(2):
        u, v, p = frames(3, POINTS, POINTS).transpose(2, 0, 1, 3, 4)
        np.savez(folder / f"run{number}.npz", u=u, v=v, p=p)


def described() -> dict[str, object]:
    """Files of one's own, two of them, as a table in ``data.files`` describes them."""
    return {
        "path": str(once("mpp-arrays", write_arrays)),
        "fields": {"velocity_x": "u", "velocity_y": "v", "pressure": "p"},
        "axes": ["run", "time", "x", "y"],
        "boundaries": ["periodic", "wall"],
        "dt": 0.1,
        "spacing": [0.1, 0.1],
    }


def own_arrays(kind: Pass) -> Call:
    _, found = MPP.open_files(described())
    return lambda: [found.read(number, 0, WINDOW) for number in range(len(found))]


def in_time(kind: Pass) -> Call:
    """Windows of a set of too few trajectories for three splits."""
    few = {"system": "shallow_water", "count": 2, "frames": 24, "shape": [16, 16]}
    options = {"history": 2, "test_horizon": 1, "steps": 4, "batch_size": 2}
    train = MPP.PhysicsData(simulate=[few], **options).train_dataloader()
    return lambda: sum(len(batch.frames) for batch in train)


def opening(kind: Pass) -> Call:
    """Find out what files hold, and which fields they have together."""
    places, data = [*(place(kind) for kind in FILES), described()], MPP.PhysicsData
    return lambda: data(files=places, extend=True)


def parameters(kind: Pass) -> Call:
    """Physical parameters of all trajectories."""
    known = {"parameters": ["viscosity"], "splits": ALL}
    source = MPP.PhysicsData(files=[{**described(), "parameters": {"viscosity": 1.0}}], **known)
    return lambda: source.parts("train", 1)


def batches(kind: Pass) -> Call:
    """Windows of two files, each read to its place in a batch."""
    some = [place(f"PDEBench {name}") for name in ("diffusion-reaction", "incompressible")]
    source = MPP.PhysicsData(files=some, steps=4, batch_size=2, splits=ALL)
    train = source.train_dataloader()
    return lambda: sum(len(batch.frames) for batch in train)


def shards(kind: Pass) -> Call:
    folder, options = own(), {"frames": FRAMES, "shape": [POINTS, POINTS]}
    arrays = frames(3, POINTS, POINTS)
    recipe = MPP.recipe("shallow_water", 0, TRAJECTORIES, 2, options)
    CORE.write_shards(folder, lambda number: {"frames": arrays[number]}, recipe)
    _, found = MPP.open_files(str(folder))
    return lambda: [found.read(number, 0, WINDOW) for number in range(TRAJECTORIES)]


def cached(kind: Pass) -> Call:
    _, original = MPP.open_files(place("The Well"))
    found = MPP.Cached(original, own())
    return lambda: [found.read(n % TRAJECTORIES, 0, WINDOW) for n in range(8)]


def writer(layout: str) -> Case:
    def make(kind: Pass) -> Call:
        arrays, path = frames(2, 32, 32), own() / "diffusion_reaction.hdf5"
        _, simulated = MPP.open_system({"system": "diffusion_reaction", "shape": [32, 32]})
        write, described = getattr(MPP, f"write_{layout}"), simulated.description
        return lambda: write(path, "diffusion_reaction", arrays, described)

    return Case(make)


def loader(augment: bool) -> Case:
    def make(kind: Pass) -> Call:
        options = {"history": 2, "test_horizon": 1, "steps": 10, "splits": ALL}
        source = MPP.PhysicsData(simulate=SYSTEMS, augment=augment, **options)
        train = source.train_dataloader()
        return lambda: sum(len(batch.frames) for batch in train)

    return Case(make)


def solver(name: str, points: int = 32, count: int = 1) -> Case:
    def make(kind: Pass) -> Call:
        found = MPP.system(name)
        shape = (points,) * len(found.shape)
        return lambda: found.simulate(0, count, frames=2, shape=shape)

    return Case(make)


CASES = {
    **{f"mpp reader {kind}": reader(kind) for kind in FILES},
    "mpp reader The Well": reader("The Well", windows=1),
    "mpp reader own arrays": Case(own_arrays),
    "mpp loader split in time": Case(in_time),
    "mpp opening": Case(opening),
    "mpp parameters": Case(parameters),
    "mpp batches of files": Case(batches),
    "mpp reader shards": Case(shards),
    "mpp reader cache": Case(cached),
    "mpp writer PDEBench": writer("pdebench"),
    "mpp writer The Well": writer("well"),
    "mpp loader": loader(augment=False),
    "mpp loader augmented": loader(augment=True),
    "mpp shallow water": solver("shallow_water"),
    "mpp dam break": solver("dam_break"),
    "mpp diffusion-reaction": solver("diffusion_reaction"),
    "mpp compressible": solver("compressible"),
    "mpp incompressible": solver("incompressible"),
    "mpp Burgers": solver("burgers", points=128, count=4),
}
