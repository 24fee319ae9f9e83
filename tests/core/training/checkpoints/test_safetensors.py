import pytest
import torch
from minimal import MinimalModule
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sciformer.training.checkpoints.checkpoint import read
from sciformer.training.checkpoints.safetensors import CHECKSUM, export_safetensors


def refuse(path, reason):
    with pytest.raises(ValueError, match=rf"^{path}: .*{reason}"):
        read(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\xff" * 64, (1 << 60).to_bytes(8, "little") + b"{", bytes(8) + b"{}"],
    ids=["empty", "text", "noise", "huge header", "no header"],
)
def test_a_file_that_is_no_safetensors_is_refused(content, tmp_path):
    (tmp_path / "x.safetensors").write_bytes(content)
    refuse(tmp_path / "x.safetensors", "not a safetensors file of ours")


def test_safetensors_of_others_are_refused(tmp_path):
    save_file({"a": torch.ones(1)}, tmp_path / "x.safetensors")
    refuse(tmp_path / "x.safetensors", "sciformer did not write")


def test_exported_safetensors_read_back(tmp_path):
    state, path = MinimalModule().state_dict(), tmp_path / "x.safetensors"
    export_safetensors(state, path, {"heads": 1, "rates": [0.5, None]})
    back = load_file(path)
    assert back.keys() == state.keys()
    assert all(torch.equal(tensor, back[name]) for name, tensor in state.items())
    with safe_open(path, "pt") as file:
        said = file.metadata()
    assert {name: said[name] for name in said.keys() - {CHECKSUM}} == {
        "heads": "1",
        "rates": "[0.5, null]",
    }


def test_tensors_that_share_memory_or_are_views_can_be_exported(tmp_path):
    table = torch.arange(6.0).reshape(2, 3)
    state = {"a": table, "tied": table, "turned": table.T, "part": table[0]}
    export_safetensors(state, tmp_path / "x.safetensors", {})
    back = load_file(tmp_path / "x.safetensors")
    assert all(torch.equal(tensor, back[name]) for name, tensor in state.items())
