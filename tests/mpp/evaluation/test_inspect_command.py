"""``mpp inspect``: the right physics, or a question."""

import h5py
import numpy as np
from mpp_trained import command, complaint, numbers
from physics_samples import described, numbered

from mpp.data.well_writer import write_well


def test_a_file_is_shown_with_its_physics_statistics_and_a_picture(tmp_path, capsys):
    known = described("height", "velocity_x", "velocity_y", conserved=("height",))
    known = known._replace(boundaries=("periodic", "wall"))
    arrays = numbered(2, 5, known)
    write_well(tmp_path / "a.h5", "w", arrays, known, parameters={"gravity": 9.5})
    command("inspect", tmp_path / "a.h5", "--out", tmp_path / "out")
    shown = capsys.readouterr().out
    for words in ("The Well", "x periodic, y wall", "2 trajectories of 5 frames", "gravity 9.5"):
        assert words in shown
    assert "component y of velocity" in shown
    found = numbers(tmp_path / "out")
    assert found["a/mean/height"] == arrays[:, :, 0].mean(dtype=np.float64)
    assert (
        "<svg" in (tmp_path / "out/index.html").read_text()
        or "data:image" in (tmp_path / "out/index.html").read_text()
    )


def test_a_file_of_unknown_layout_is_answered_with_its_arrays_and_a_table(tmp_path, capsys):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["u"] = np.ones((3, 4, 6, 8), "f4")
    said = complaint(capsys, "inspect", tmp_path / "a.h5")
    assert "of unknown layout; it holds u (3, 4, 6, 8) float32; describe it: {path: " in said


def test_unknown_boundaries_are_asked_for_after_all_the_rest(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("trans_periodic.h5", "w") as file:
        for key in ("Vx", "density", "pressure"):
            file[key] = np.ones((3, 4, 8), "f4")
    assert "say periodic, open or wall" in complaint(capsys, "inspect", "trans_periodic.h5")
    page = (tmp_path / "runs/mpp/inspect/trans_periodic/index.html").read_text()
    assert "nothing known" in page
    command("inspect", "{path: trans_periodic.h5, boundaries: [wall], dt: 0.5, spacing: [1.0]}")
    shown = capsys.readouterr().out
    assert "x wall" in shown
    assert "assumed" not in shown
