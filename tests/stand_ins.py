"""Small files in place of the data, not ours to ship, that some configurations read."""

import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa

TESTS = Path(__file__).parent
sys.path.extend(str(TESTS / name) for name in ("mpp", "xval"))
import pdebench_tree  # noqa: E402  # pytest's importlib mode finds nothing beside a test
import weather_tables  # noqa: E402

PIXELS, SIDE, COUNT = 7781, 152, 12


def pairs(folder: Path) -> None:
    """The paper's pairs, as ``save_to_disk`` writes them; redshifts and ids beside."""
    rng = np.random.default_rng(0)
    for number, split in enumerate(("train", "test")):
        rows = range(number * COUNT, (number + 1) * COUNT)
        images = rng.normal(1, 0.3, (COUNT, SIDE, SIDE, 3)).astype(np.float32)
        spectra = rng.normal(2, 0.5, (COUNT, PIXELS, 1)).astype(np.float32)
        table = pa.table(
            {
                "image": images.tolist(),
                "spectrum": spectra.tolist(),
                "redshift": [0.01 * row for row in rows],
                "targetid": list(rows),
            }
        )
        path = folder / split / "data-00000-of-00001.arrow"
        path.parent.mkdir(parents=True)
        with pa.ipc.new_stream(str(path), table.schema) as writer:
            writer.write_table(table)


def images(folder: Path) -> None:
    """Images as Stein et al. keep them."""
    folder.mkdir(parents=True)
    count = 2 * COUNT  # so that two ranks have one each to validate on
    flux = np.random.default_rng(0).normal(1, 0.3, (count, 3, SIDE, SIDE)).astype(np.float32)
    with h5py.File(folder / "images_npix152_000000000_000001000.h5", "w") as file:
        file["images"], file["inds"] = flux, np.arange(count)
        file["ra"], file["dec"] = 10.0 + np.arange(count), np.zeros(count)


def alignment(folder: Path) -> None:
    """The pairs, and small networks in the files of the published ones."""
    pairs(folder)
    for name in ("specformer", "astrodino"):
        shutil.copy(TESTS / "golden/astroclip_original.ckpt", folder / f"{name}.ckpt")


STAND_INS = {
    ("astroclip", "paper"): lambda folder: alignment(folder / "data/astroclip"),
    ("astroclip", "paper-spectrum"): lambda folder: pairs(folder / "data/astroclip"),
    ("astroclip", "paper-image"): lambda folder: images(folder / "data/astroclip/images"),
    ("mpp", "paper"): lambda folder: pdebench_tree.write(folder / "data/pdebench"),
    ("xval", "hourly"): lambda folder: weather_tables.write_hours(folder / "weather"),
    ("xval", "stations"): lambda folder: weather_tables.write(folder / "weather"),
    ("xval", "table"): lambda folder: (folder / "table.csv").write_text("a,target\n1,2\n3,4\n"),
}
