"""The files that configs/mpp/paper.yaml names, with a few small trajectories in each."""

from pathlib import Path

import numpy as np

from mpp.data.description import Description, by_name
from mpp.data.pdebench_writer import write_pdebench

FLOW = ("velocity_x", "velocity_y", "density", "pressure")
TREE = {
    "2D/shallow-water/2D_rdb_NA_NA.h5": ("shallow_water", ("height",)),
    "2D/diffusion-reaction/2D_diff-react_NA_NA.h5": (
        "diffusion_reaction",
        ("activator", "inhibitor"),
    ),
    "2D/CFD/2D_Train_Rand/2D_CFD_Rand_M0.1_Eta0.01_Zeta0.01_periodic_128_Train.hdf5": (
        "compressible",
        FLOW,
    ),
    "2D/CFD/2D_Train_Rand/2D_CFD_Rand_M0.1_Eta1e-08_Zeta1e-08_periodic_512_Train.hdf5": (
        "compressible",
        FLOW,
    ),
    "2D/CFD/2D_Train_Turb/2D_CFD_Turb_M1.0_Eta1e-08_Zeta1e-08_periodic_512_Train.hdf5": (
        "compressible",
        FLOW,
    ),
    "2D/NS_incom/ns_incom_inhom_2d_512-0.h5": (
        "incompressible",
        ("velocity_x", "velocity_y", "tracer"),
    ),
}


def write(folder):
    """Write them below a folder."""
    rng = np.random.default_rng(0)
    for name, (kind, fields) in TREE.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        known = tuple(map(by_name, fields))
        described = Description(known, (16, 16), ("periodic",) * 2, (1 / 16,) * 2, 0.05)
        arrays = rng.standard_normal((2, 21, len(fields), 16, 16), np.float32)
        write_pdebench(path, kind, arrays, described)
