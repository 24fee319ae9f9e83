import numpy as np
import pytest

from mpp.data.pdebench_writer import write_pdebench
from mpp.data.readers.pdebench import PDEBench
from mpp.data.simulated import Simulated
from mpp.data.sources import open_files
from mpp.simulate.registry import SYSTEMS


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_mean_of_a_field_that_is_called_conserved_stays(name):
    system = SYSTEMS[name]
    frames = system.simulate(0, 2, shape=(24,) * len(system.shape)).astype(np.float64)
    means = frames.reshape(*frames.shape[:3], -1).mean(-1)
    size = np.sqrt((frames**2).mean((1, *range(3, frames.ndim)))) + 1e-12
    moved = np.abs(means - means[:, :1]).max((0, 1)) / size.max(0)
    for field, drift in zip(system.fields, moved, strict=True):
        # fp32 frames of numbers up to about 1 in units of their RMS
        assert not field.conserved or drift < 2e-6, field.name


def test_what_is_conserved_reaches_the_description_of_a_simulation():
    assert Simulated("shallow_water", 1).description.conserved == ("height",)
    assert Simulated("diffusion_reaction", 1).description.conserved == ()


def test_a_file_of_compressible_flow_conserves_its_density_under_any_name(tmp_path):
    made = Simulated("compressible", 1, options={"shape": [8, 8], "frames": 2})
    path = tmp_path / "flow.h5"
    write_pdebench(path, "compressible", made.arrays, made.description)
    assert PDEBench(path).description.conserved == ("density",)
    named = PDEBench(path, ("u", "v", "rho", "p")).description
    assert named.conserved == ("rho",)
    renamed = open_files({"path": str(path), "rename": {"density": "rho"}})[1].description
    assert renamed.conserved == ("rho",)
