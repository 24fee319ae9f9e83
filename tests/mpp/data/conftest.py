import pytest
from physics_samples import CNS, described, numbered

from mpp.data.pdebench_writer import write_pdebench
from mpp.data.well_writer import write_well


@pytest.fixture
def files(tmp_path):
    """Three systems of other fields, axes and sizes."""
    cns = described(*CNS, flips=(0, 1))
    write_pdebench(tmp_path / "cns.h5", "compressible", numbered(12, 6, cns), cns, "lzf")
    line = described("velocity_x", axes=1)
    write_pdebench(tmp_path / "burgers.h5", "burgers", numbered(12, 5, line), line)
    well = described("tracer", "wind_x", "wind_y", boundaries=("periodic", "wall"))
    write_well(tmp_path / "well.hdf5", "w", numbered(12, 7, well), well)
    return [str(tmp_path / name) for name in ("cns.h5", "burgers.h5", "well.hdf5")]
