"""The verbs ``simulate`` and ``verify`` as a user meets them, in processes of their own."""

import os
import signal
import subprocess
import sys
import time

import pytest
from minimal import PROJECT
from verbs import refusal

from sciformer.cli.main import main
from sciformer.errors import FAILED
from sciformer.lock import exclusive

pytestmark = pytest.mark.process

SLOW = """
import time
from functools import partial

import numpy as np

from sciformer.cli.main import run
from sciformer.cli.project import Project, Verb
from sciformer.data.shards.index import Recipe
from sciformer.data.shards.command import simulate as write

def make(number, wait):
    time.sleep(wait)
    return {"x": np.full(3, number)}

def simulate(out: str = "out", workers: int = 0, shards: int = 6, samples: int = 12,
             wait: float = 0.0, seed: int = 0) -> None:
    '''Write numbers.'''
    write(out, partial(make, wait=wait), Recipe("slow", "1", seed, samples, shards), workers)

PROJECT = Project("slow", "", "", "", verbs={"simulate": Verb("slow:simulate", "numbers")})
if __name__ == "__main__":
    run(PROJECT)
"""


@pytest.fixture
def simulate(start, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    return lambda *words: start("-m", "slow", "simulate", *words)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.02)
    pytest.fail(f"{path} did not come")


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_goes_on_with_other_workers_to_the_same_bytes(simulate, tmp_path, sign):
    whole, stopped = simulate("--out", "whole"), simulate("--workers", "2", "--wait", "0.4")
    wait_for(tmp_path / "out/shard-00001.json")
    if sign == signal.SIGINT:
        os.killpg(stopped.pid, sign)  # as a terminal does
    else:
        stopped.kill()
    code, out, err = finish(stopped)
    assert out == ""
    if sign == signal.SIGINT:
        assert (code, err) == (130, "\nslow simulate: interrupted\n")
        assert all(not name.startswith(".") for name in contents(tmp_path / "out"))
    assert not (tmp_path / "out/index.json").exists()
    time.sleep(0.1)  # orphans see that they are
    again = finish(simulate("--workers", "1"))
    assert again == (0, "out: 12 samples in 6 shards, 0.1 MiB\n", "")
    assert finish(whole)[0] == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--shards=33", "shards: 33 for 32 samples"),
        ("--shards=0", "shards: 0 for 32 samples"),
        ("--samples=-1", "samples: -1 is less than 1"),
        ("--workers=-1", "workers: -1 is less than 0"),
        ("--seed=-1", "seed: -1 is less than 0"),
        ("--workers=two", "two"),
        ("--out=taken", "out: cannot write to taken: File exists"),
        ("--out=/proc/none", "out: cannot write to /proc/none"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(here, capsys, word, said):
    (here / "taken").touch()
    line = refusal(PROJECT, capsys, "simulate", word)
    assert line.startswith("minimal simulate: error: ")
    assert said in line
    assert list(here.iterdir()) == [here / "taken"]


def test_a_second_writer_is_refused_and_a_full_disk_is_named(simulate, tmp_path):
    (tmp_path / "out").mkdir()
    with exclusive(tmp_path / "out", "test is running"):
        code, _, err = finish(simulate())
    assert (code, err) == (2, "slow simulate: error: out: another process is writing there\n")
    limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    command = [sys.executable, "-c", f"{limited}; runpy.run_module('slow', run_name='__main__')"]
    done = subprocess.run(
        [*command, "simulate"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (FAILED, 1), done.stderr
    assert "shard-00000.tar" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_verify_says_in_one_line_that_all_is_whole_or_names_each_damage(
    simulate, tmp_path, monkeypatch, capsys
):
    assert finish(simulate())[0] == 0
    monkeypatch.setattr(sys, "argv", ["sciformer"])
    monkeypatch.chdir(tmp_path)
    main(["verify", "out"])
    assert capsys.readouterr() == ("out: 12 samples in 6 shards are whole (0.1 MiB)\n", "")
    for number, change in enumerate([lambda raw: raw[:-1], lambda raw: raw + b"x"]):
        path = tmp_path / f"out/shard-{number:05d}.tar"
        path.write_bytes(change(path.read_bytes()))
    raw = bytearray((tmp_path / "out/shard-00004.tar").read_bytes())
    raw[1500] ^= 128
    (tmp_path / "out/shard-00004.tar").write_bytes(raw)
    (tmp_path / "out/shard-00005.tar").rename(tmp_path / "out/shard-00009.tar")
    with pytest.raises(SystemExit) as ended:
        main(["verify", "out"])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    lines = [line.removeprefix("sciformer verify: error: out/") for line in err.splitlines()]
    assert [line.partition(" ")[0] for line in lines] == [
        f"shard-{number:05d}.tar:" for number in (0, 1, 4, 5, 9)
    ]
    assert "sample 00000009: damaged: crc32" in lines[2] or "sample 00000008" in lines[2]
    with pytest.raises(SystemExit):
        main(["verify", "nowhere"])
    assert capsys.readouterr().err == (
        "sciformer verify: error: nowhere: no such file; is the data set finished?\n"
    )
