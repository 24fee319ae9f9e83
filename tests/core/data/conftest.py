"""A small HDF5 file."""

import h5py
import numpy as np
import pytest


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(6.0).reshape(2, 3)
        file["of/y"] = np.arange(5)
        file["of"].attrs["names"] = np.array(["long", "b"], dtype=h5py.string_dtype())
        file.attrs["count"] = 2
    return tmp_path / "a.h5"
