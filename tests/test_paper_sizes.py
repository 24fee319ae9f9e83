"""Configurations of the papers' own sizes start: two small steps on one rank, DDP and FSDP."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
sys.path.append(str(TESTS))
from paper_sizes import SMALL  # noqa: E402  # pytest's importlib mode finds nothing beside a test
from stand_ins import STAND_INS  # noqa: E402

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")


def test_every_configuration_of_a_papers_size_is_among_them():
    paths = (TESTS.parent / "configs").glob("*/*paper*.yaml")
    assert {f"{path.parent.name}/{path.stem}" for path in paths} == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_the_cost_in_a_header_is_that_of_the_table(name):
    configs = TESTS.parent / "configs"
    said = re.search(r"^# Cost: (\S+) FLOPs", (configs / f"{name}.yaml").read_text(), re.MULTILINE)
    rows = [row for row in (configs / "README.md").read_text().split("\n") if f"| {name} " in row]
    assert said
    assert said[1] == rows[0].split("|")[3].strip()


@pytest.mark.process
@pytest.mark.timeout(600)
def test_they_take_two_steps_on_one_rank_and_under_ddp_and_fsdp(tmp_path, quick_python):
    for name in SMALL:
        (tmp_path / name).mkdir(parents=True)
        make = STAND_INS.get(tuple(name.split("/")))  # pyright: ignore[reportArgumentType]
        if make is not None:
            make(tmp_path / name)
    for launch, strategies in (((), ["one"]), (TORCHRUN, ["DDP", "FSDP"])):
        words = [quick_python, *launch, TESTS / "paper_sizes.py", tmp_path, *strategies]
        done = subprocess.run(words, capture_output=True, text=True, timeout=500, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        wanted = [f"{name} {strategy}" for name in SMALL for strategy in strategies]
        assert done.stdout.split("\n")[:-1] == wanted
