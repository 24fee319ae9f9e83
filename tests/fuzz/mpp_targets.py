"""Readers of MPP: PDEBench, The Well, shards, caches, its networks."""

import formats
import hdf5_edits
import mpp_small
import mpp_trained
import numpy as np
import plain
import weight_edits
from mutations import change_cells, to
from physics_samples import described, numbered
from safetensors.torch import save_file
from target import Target

from mpp.convert import convert
from mpp.convert.initial_weights import read as read_pretrained
from mpp.data.frame_cache import Cached
from mpp.data.pdebench_writer import write_pdebench
from mpp.data.readers.pdebench import PDEBench
from mpp.data.shards import make_sample, recipe
from mpp.data.sources import open_files
from mpp.data.well_writer import write_well
from mpp.evaluation.evaluate import open_run
from mpp.studies.transfer import curve
from sciformer.data.hdf5 import HDF5
from sciformer.data.shards.writer import write_shards

FLOW = ("velocity_x", "velocity_y", "density", "pressure")
SETS = {
    "shallow_water": (("height",), "open", 2),
    "diffusion_reaction": (("activator", "inhibitor"), "wall", 2),
    "diffusion_sorption": (("concentration",), "wall", 1),
    "compressible": (FLOW, "periodic", 2),
    "incompressible": (("velocity_x", "velocity_y", "tracer"), "wall", 2),
    "burgers": (("velocity_x",), "periodic", 1),
    "advection": (("tracer",), "periodic", 1),
}


def pdebench(kind, compression=None):
    def write(folder):
        fields, boundary, axes = SETS[kind]
        known = described(*fields, boundary=boundary, axes=axes)
        arrays = numbered(2, 4, known)
        write_pdebench(folder / f"2D_{kind}.h5", kind, arrays, known, compression)

    return write


def well(folder):
    names = ("height", "velocity_x", "velocity_y")
    tensor = ("s_xx", "s_xy", "s_yx", "s_yy")
    known = described(*names, *tensor, boundary="wall")
    constants = {"mask": np.ones((2, 6, 8), np.float32)}
    parameters = {"gamma": 1.5}
    write_well(folder / "w.hdf5", "w", numbered(2, 4, known), known, constants, parameters)


def look(found):
    found.read(0, 0, 2)
    found.read(len(found) - 1, found.frames - 1, found.frames)
    for number, line in enumerate(found.scan()):
        assert "\n" not in line
        if number == 50:
            break


def read_files(**table):
    def read(folder):
        (path,) = (file for file in folder.iterdir() if file.suffix in (".h5", ".hdf5"))
        HDF5(path).keys()
        yield
        _, found = open_files({"path": str(folder), **table})
        yield
        look(found)
        if table:
            found.scalars(0)
        yield

    return read


def shards(folder):
    options = {"frames": 3, "shape": [8, 8]}
    made = recipe("shallow_water", 0, 3, 2, options)
    write_shards(folder, lambda n: make_sample(n, "shallow_water", 0, options), made)


def read_shards(folder):
    _, found = open_files(str(folder))
    yield
    look(found)
    yield


def cache(folder):
    pdebench("burgers")(folder)
    Cached(PDEBench(folder / "2D_burgers.h5"), folder / "cache")


def read_cache(folder):
    original = PDEBench(folder / "2D_burgers.h5")
    yield
    found = Cached(original, folder / "cache")
    yield
    look(found)
    yield


def trained(folder):
    mpp_trained.save(folder, mpp_small.module(["height", "velocity_x"]))


def read_trained(folder):
    read_pretrained(folder)
    yield
    open_run(folder, "cpu")
    yield


def converted(folder):
    save_file(plain.random_weights(48, 3, 2, 12), folder / "o.safetensors")
    convert.convert(str(folder / "o.safetensors"), str(folder / "a.safetensors"))
    (folder / "o.safetensors").unlink()


def read_converted(folder):
    read_pretrained(folder / "a.safetensors")
    yield
    convert.load(folder / "a.safetensors")
    open_run(folder / "a.safetensors", "cpu")
    yield


def original(folder):
    save_file(plain.random_weights(48, 3, 2, 12), folder / "a.safetensors")


def read_original(folder):
    convert.convert(str(folder / "a.safetensors"), str(folder / "out.safetensors"))
    yield


def logged(folder):
    rows = ["step,train/loss,val/nrmse", "0,1.5,", "10,,0.5", "20,1.25,0.25"]
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n")


def read_logged(folder):
    curve(folder)
    yield


HDF5_EDITS = (hdf5_edits.hdf5, hdf5_edits.hdf5, hdf5_edits.hdf5)
TARGETS = [
    *(Target(f"mpp {kind}", pdebench(kind), read_files(), HDF5_EDITS) for kind in SETS),
    Target("mpp gzip", pdebench("incompressible", "gzip"), read_files(), HDF5_EDITS),
    Target("mpp lzf, grouped", pdebench("shallow_water", "lzf"), read_files(), HDF5_EDITS),
    Target("mpp well", well, read_files(constants=True), HDF5_EDITS),
    Target("mpp shards", shards, read_shards, (formats.index, formats.members), formats.resealed),
    Target("mpp cache", cache, read_cache, (hdf5_edits.hdf5,)),
    Target("mpp checkpoint", trained, read_trained, weight_edits.TORCH),
    Target("mpp converted", converted, read_converted, weight_edits.PLAIN),
    Target("mpp original", original, read_original, weight_edits.PLAIN),
    Target("mpp metrics.csv", logged, read_logged, to("metrics.csv", change_cells)),
]
