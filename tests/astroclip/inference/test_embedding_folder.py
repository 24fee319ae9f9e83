"""Folders of embeddings: resumed after kills, shared by processes, appended to, the same bytes."""

import os
import signal
import subprocess
import time

import numpy as np
import pyarrow.dataset as ds
import pytest
from astroclip_small import astroclip, complaint, save, words, write_pairs

from astroclip.inference.bank import Bank
from astroclip.inference.embedding_files import read
from sciformer.training.distributed.environment import ALONE, Place, place

pytestmark = pytest.mark.usefixtures("here")
SETTINGS = ("--batch_size", 2, "--part", 3)


@pytest.fixture
def pairs(here):
    save(here)
    return write_pairs(here / "own", count=11)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_holds_what_a_file_does(here, pairs, capsys):
    assert astroclip("embed", here, *words(pairs), "--out", "f", *SETTINGS) == 0
    assert "f: 11 galaxies embedded; 11 are there" in capsys.readouterr().out
    assert astroclip("embed", here, *words(pairs), "--out", "e.parquet") == 0
    folder, file = Bank("f").whole(), read("e.parquet")
    assert folder.ids == file.ids
    for part in ("labels", "vectors"):
        for name, values in getattr(file, part).items():
            np.testing.assert_allclose(
                getattr(folder, part)[name], values, atol=1e-5
            )  # of other batches
    assert Bank("f").about == {**Bank("e.parquet").about, "batch_size": "2", "part": "3"}
    assert ds.dataset("f").count_rows() == 11  # other readers see the same
    assert astroclip("search", "f", "g1", "--k", 2) == 0
    assert astroclip("probe", "f") == 0


@pytest.mark.parametrize("lost", range(4))
def test_a_part_that_is_lost_is_written_again_with_the_same_bytes(here, pairs, lost):
    astroclip("embed", here, *words(pairs), "--out", "f", *SETTINGS)
    whole = contents(here / "f")
    sorted((here / "f").glob("part-*"))[lost].unlink()
    (here / "f/_bad.csv").unlink()
    (here / "f/.part-00-00000.parquet.999999999@nowhere").touch()
    os.utime(here / "f/.part-00-00000.parquet.999999999@nowhere", (0, 0))  # of a killed process
    astroclip("embed", here, *words(pairs), "--out", "f", *SETTINGS)
    assert contents(here / "f") == whole


@pytest.mark.parametrize("world", [2, 3])
def test_many_processes_write_what_one_writes(here, pairs, monkeypatch, capsys, world):
    astroclip("embed", here, *words(pairs), "--out", "one", *SETTINGS)
    for rank in range(world):
        monkeypatch.setattr("astroclip.inference.embed.place", lambda: Place(rank, world, rank))  # noqa: B023
        assert astroclip("embed", here, *words(pairs), "--out", "many", *SETTINGS) == 0
    said = capsys.readouterr().out
    assert "parts are not there yet" in said
    assert f"by process {world - 1} of {world}; 11 are there" in said
    assert contents(here / "many") == contents(here / "one")
    line = complaint(capsys, "embed", here, *words(pairs), "--out", "e.npz")
    assert f"out: e.npz: a file is written by one process, and not by {world}" in line
    line = complaint(capsys, "embed", here, *words(pairs), "--out", "many", "--overwrite")
    assert f"overwrite: {world} processes cannot" in line


def test_bad_galaxies_are_listed_even_where_a_whole_part_is_bad(here, pairs):
    for bad in (1, 3, 4, 5):  # g0, g1, g10 are the first part; g2, g3, g4 the second
        np.savez(here / f"own/spectra/g{bad}.npz", flux=np.ones(7781), ivar=np.zeros(7781))
    np.savez(here / "own/spectra/g2.npz", flux=np.ones(7781), ivar=np.zeros(7781))
    astroclip("embed", here, *words(pairs), "--out", "f", *SETTINGS)
    rows = (here / "f/_bad.csv").read_text().splitlines()
    assert rows[0] == "id,reason"
    assert sorted(row.partition(",")[0] for row in rows[1:]) == ["g1", "g2", "g3", "g4", "g5"]
    assert "ivar: 0 in every pixel" in rows[1]
    assert len(Bank("f")) == ds.dataset("f").count_rows() == 6
    whole = contents(here / "f")
    astroclip("embed", here, *words(pairs), "--out", "f", *SETTINGS)
    assert contents(here / "f") == whole


def test_other_galaxies_are_appended_and_changed_ones_are_refused(here, pairs, capsys):
    more = write_pairs(here / "more", count=4)
    astroclip("embed", here, *words(pairs), "--out", "f", *SETTINGS)
    assert astroclip("embed", here, *words(more), "--out", "f", *SETTINGS) == 0
    assert "4 galaxies embedded; 15 are there" in capsys.readouterr().out
    assert len(Bank("f")) == 15
    np.save(here / "more/images/g7.npy", np.load(here / "more/images/g1.npy"))
    np.savez(here / "more/spectra/g7.npz", **np.load(here / "more/spectra/g1.npz"))
    line = complaint(capsys, "embed", here, *words(more), "--out", "f", *SETTINGS)
    assert "galaxies 4 " in line
    assert "but now 5 " in line
    line = complaint(capsys, "embed", here, *words(pairs), "--out", "f", "--part", 3)
    assert "batch_size 2, but now 256; --overwrite begins anew" in line
    assert astroclip("embed", here, *words(more), "--out", "f", "--overwrite") == 0
    assert len(Bank("f")) == 5


def test_each_entry_of_a_list_is_opened_alone_and_a_broken_one_is_listed(here, pairs, capsys):
    more = write_pairs(here / "more", count=4)
    files = f"[{words(pairs)[1]}, nowhere.h5, {words(more)[1]}]"
    assert astroclip("embed", here, "--files", files, "--out", "f", *SETTINGS) == 0
    assert len(Bank("f")) == 15
    assert "nowhere.h5" in (here / "f/_bad.csv").read_text()
    assert "left out: nowhere.h5" in capsys.readouterr().err
    stop = ("--on_error", "stop", "--overwrite")
    assert "nowhere.h5" in complaint(
        capsys, "embed", here, "--files", files, "--out", "f", *SETTINGS, *stop
    )


def test_a_folder_of_other_things_or_of_another_network_is_refused(here, pairs, capsys):
    line = complaint(capsys, "embed", here, *words(pairs), "--out", "own")
    assert "out: own holds images, which is no part of embeddings" in line
    astroclip("embed", here, *words(pairs), "--out", "f", *SETTINGS)
    save(here / "other", seed=1)
    line = complaint(capsys, "embed", "other", *words(pairs), "--out", "f", *SETTINGS)
    assert "made by weights" in line


def test_torchrun_and_slurm_say_which_process_this_is(monkeypatch):
    assert place() == ALONE
    run = {"RANK": 5, "WORLD_SIZE": 8, "LOCAL_RANK": 1, "GROUP_RANK": 1, "LOCAL_WORLD_SIZE": 4}
    with monkeypatch.context() as patch:
        for name, value in {**run, "TORCHELASTIC_RUN_ID": "x"}.items():
            patch.setenv(name, str(value))
        assert place() == Place(5, 8, 1)
    task = {"SLURM_NTASKS": 6, "SLURM_PROCID": 3, "SLURM_LOCALID": 1, "SLURM_JOB_NAME": "embed"}
    with monkeypatch.context() as patch:
        for name, value in task.items():
            patch.setenv(name, str(value))
        with pytest.raises(ValueError, match=r"SLURM: .*--ntasks-per-node=6"):
            place()
        patch.setenv("SLURM_NTASKS_PER_NODE", "2")
        assert place() == Place(3, 6, 1)


@pytest.mark.process
def test_killed_ten_times_it_ends_with_the_bytes_of_an_uninterrupted_run(here, quick_python):
    save(here)
    pairs = write_pairs(here / "own", count=60)
    settings = ["--batch_size", "2", "--part", "3", "--device", "cpu"]
    command = [quick_python, "-m", "astroclip", "embed", str(here), *words(pairs), *settings]
    subprocess.run([*command, "--out", "whole"], check=True, capture_output=True)
    random, kills = np.random.default_rng(0), 0
    while kills < 10:
        before = len(list(here.glob("cut/part-*")))
        process = subprocess.Popen([*command, "--out", "cut"], stdout=subprocess.DEVNULL)
        limit = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < limit:
            if len(list(here.glob("cut/part-*"))) > before:  # it has begun to write
                time.sleep(random.uniform(0, 0.01))
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    subprocess.run([*command, "--out", "cut"], check=True, capture_output=True)
    assert contents(here / "cut") == contents(here / "whole")
