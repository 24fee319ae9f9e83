"""Files of torch from anyone: read as data alone, and no length that they claim is believed."""

import os
import resource
import subprocess
import sys

import pytest
import torch

from sciformer.training.checkpoints.distrust import load_torch

LONG = b"X" + (2**32 - 16).to_bytes(4, "little")  # a text of 4 GiB, in a pickle
PROGRAM = """
import resource, sys
from sciformer.training.checkpoints.distrust import load_torch
have = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (have + 2**29, have + 2**29))
try:
    load_torch(sys.argv[1])
except ValueError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("new", [True, False])
def test_both_formats_of_torch_come_back(tmp_path, new):
    saved = {"weight": torch.arange(6.0).reshape(2, 3), "steps": 3, "name": "x" * 70_000}
    torch.save(saved, tmp_path / "a.ckpt", _use_new_zipfile_serialization=new)
    found = load_torch(tmp_path / "a.ckpt")
    torch.testing.assert_close(found["weight"], saved["weight"], rtol=0, atol=0)
    assert {**found, "weight": 0} == {**saved, "weight": 0}


class Command:
    def __reduce__(self):
        return os.system, ("touch PWNED",)


@pytest.mark.parametrize("new", [True, False])
def test_nothing_is_executed(here, new):
    torch.save({"a": Command()}, "a.ckpt", _use_new_zipfile_serialization=new)
    with pytest.raises(ValueError, match=r"a\.ckpt: not a checkpoint of plain tensors"):
        load_torch("a.ckpt")
    assert not (here / "PWNED").exists()


@pytest.mark.process
@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="no limit of addresses")
def test_a_text_is_not_longer_than_its_file(tmp_path):
    torch.save({"name": "a text"}, tmp_path / "a.ckpt", _use_new_zipfile_serialization=False)
    raw = (tmp_path / "a.ckpt").read_bytes()
    word = b"X" + len(b"a text").to_bytes(4, "little") + b"a text"
    assert raw.count(word) == 1
    (tmp_path / "a.ckpt").write_bytes(raw.replace(word, LONG + b"a text"))
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "a.ckpt")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "not a checkpoint of plain tensors, or cut short" in done.stderr
    assert "MemoryError" not in done.stderr
