import pytest
import torch

from sciformer.training.checkpoints import checkpoint
from sciformer.training.checkpoints.original_weights import (
    Converted,
    Original,
    Source,
    convert_file,
    read_converted,
    read_original,
    write_converted,
)

STATE = {"module.blocks.0.a": torch.ones(2), "module.blocks.11.a": torch.ones(2, 3)}


def test_parameters_are_taken_one_by_one():
    source = Source(STATE)
    assert source.count("blocks") == 12
    assert source.count("layers") == 0
    assert source.sizes("blocks.11.a", 2) == (2, 3)
    assert torch.equal(source.take("blocks.0.a", 2), torch.ones(2))
    with pytest.raises(ValueError, match=r"blocks.11.a of shape \(2, 3\) is not known"):
        source.check_empty()
    source.take("blocks.11.a", 2, 3)
    source.check_empty()


def test_what_is_missing_or_of_another_shape_is_named():
    source = Source(STATE)
    with pytest.raises(ValueError, match="b is missing: no state dict of the original"):
        source.sizes("b", 1)
    with pytest.raises(ValueError, match=r"b of shape \(4,\) is missing"):
        source.take("b", 4)
    with pytest.raises(ValueError, match=r"blocks.0.a has shape \(2,\), not \(3,\)"):
        source.take("blocks.0.a", 3)
    with pytest.raises(ValueError, match=r"blocks.0.a has shape \(2,\), not 2 axes"):
        source.sizes("blocks.0.a", 2)
    with pytest.raises(ValueError, match="b is a int, not a tensor"):
        Source({"a": torch.ones(1), "b": 3})


class Trap:
    def __reduce__(self):
        return print, ("run",)


def test_a_file_that_would_run_code_is_refused(tmp_path, capsys):
    path = tmp_path / "trap.pt"
    torch.save({"state_dict": Trap()}, path)
    with pytest.raises(ValueError, match=r"trap.pt: not a checkpoint of plain tensors"):
        read_original(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("key", [None, "state_dict", "model_state"])
def test_checkpoints_and_bare_states_are_read(tmp_path, key):
    path = tmp_path / "original.pt"
    torch.save(STATE if key is None else {"epoch": 1, key: STATE}, path)
    assert read_original(path).keys() == STATE.keys()
    torch.save([1], path)
    with pytest.raises(ValueError, match=r"original.pt: a list and no state dict"):
        read_original(path)


def test_converted_weights_come_back_with_their_settings(tmp_path):
    out = tmp_path / "ours.safetensors"
    write_converted("toy", str(out), Converted({"dim": 2}, {"a": torch.ones(2)}, ["b"]), x=3)
    found, record = read_converted("toy", out)
    assert (found.settings, found.dropped, record["x"]) == ({"dim": 2}, ["b"], 3)
    assert torch.equal(found.weights["a"], torch.ones(2))
    with pytest.raises(ValueError, match="not weights that other convert wrote in format 1"):
        read_converted("other", out)


def renamed(state, content, path, name="a"):
    """Translate the only weight of a toy."""
    source = Source(state)
    weight = source.take("blocks.0.a", 2)
    source.drop_all("blocks.11.")
    return Converted({"dim": 2}, {name: weight}, source.dropped), {"file": path.name}


TOY = Original("toy.module.Toy", renamed, lambda settings, more: (settings | more, {"size": 3}))


def test_a_file_is_converted_or_named(tmp_path):
    path, out = str(tmp_path / "original.pt"), str(tmp_path / "x.safetensors")
    torch.save({"state_dict": STATE}, path)
    assert convert_file(TOY, path, out).weights.keys() == {"a"}
    assert convert_file(TOY, path, out, overwrite=True, name="b").weights.keys() == {"b"}
    torch.save({"a": torch.ones(1)}, path)
    with pytest.raises(ValueError, match=r"original.pt: blocks.0.a of shape \(2,\) is missing"):
        convert_file(TOY, path, out, overwrite=True)
    with pytest.raises(ValueError, match=r"^.*nowhere.pt: no such file$"):
        convert_file(TOY, str(tmp_path / "nowhere.pt"), out, overwrite=True)
    with pytest.raises(ValueError, match=r"out: x.pt does not end in .safetensors"):
        convert_file(TOY, path, "x.pt")


def test_weights_of_the_original_are_read_as_a_checkpoint(tmp_path):
    """As published or as converted: the same settings and weights, under the module's names."""
    path, out = tmp_path / "original.pt", tmp_path / "x.safetensors"
    torch.save({"state_dict": STATE}, path)
    convert_file(TOY, str(path), str(out))
    for name in (path, out):
        saved = checkpoint.read(name, TOY)
        assert saved["hyper_parameters"]["file"] == "original.pt"
        assert saved[checkpoint.DATA] == {"size": 3}
        assert list(saved["state_dict"]) == ["model.a"]
        assert saved[checkpoint.STAMP]["module"] == "toy.module.Toy"
        assert checkpoint.run_record(saved) == {"original": name.name}
        with pytest.raises(ValueError, match="a checkpoint that sciformer did not write"):
            checkpoint.read(name)
