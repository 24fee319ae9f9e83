"""Write trajectories as HDF5, in the layout of PDEBench or of The Well."""

from pathlib import Path

from mpp.data.description import Description
from mpp.data.hdf5_writer import Arrays
from mpp.data.pdebench_writer import kind_of, write_pdebench
from mpp.data.well_writer import write_well


def write_like(path: str | Path, name: str, arrays: Arrays, description: Description) -> None:
    """Write trajectories in PDEBench's layout if it can store them, else in The Well's.

    Args:
        path: File to write.
        name: Name of the data set.
        arrays: All frames.
        description: Description of the trajectories.
    """
    kind = kind_of(description)
    if kind is None:
        write_well(path, name, arrays, description)
    else:
        write_pdebench(path, kind, arrays, description)
