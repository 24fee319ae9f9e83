"""What every converter of the originals' weights does, in one table."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import save_file

import astroclip.convert.convert
import astroclip.convert.state_dict
import mpp.convert.convert
import mpp.convert.state_dict
import xval.convert.convert
import xval.convert.state_dict

sys.path += [str(Path(__file__).parent / name) for name in ("astroclip", "mpp", "xval")]
import plain
import plain_astroclip
import plain_xval


class Converter(NamedTuple):
    """A project, random weights of its original, and what the file does not say."""

    project: Any
    weights: dict[str, torch.Tensor]
    heads: dict[str, int]


torch.manual_seed(0)
CONVERTERS = {
    "mpp": Converter(mpp, plain.random_weights(48, 3, 2, 12), {}),
    "xval": Converter(
        xval, plain_xval.random_plain(27, 48, 2, 3, 96, 64).state_dict(), {"heads": 3}
    ),
    "astroclip": Converter(
        astroclip,
        plain_astroclip.random_weights(plain_astroclip.AstroCLIP()).state_dict(),
        {"heads": 3, "image_heads": 2, "pooling_heads": 4},
    ),
}
WRONG = [  # project, key, value in its place, message
    ("mpp", "debed.out_bias", torch.zeros(11), r"debed.out_bias has shape \(11,\), not \(12,\)"),
    ("mpp", "blocks.1.temporal.gamma", None, r"temporal.gamma of shape \(48,\) is missing"),
    ("mpp", "space_bag.weight", None, "space_bag.weight is missing"),
    ("mpp", "space_bag.bias", "text", "space_bag.bias is a str, not a tensor"),
    ("xval", "num_head.0.bias", torch.zeros(3), r"num_head.0.bias has shape \(3,\), not \(96,\)"),
    ("xval", "encoder_stack.layers.1.norm2.bias", None, r"norm2.bias of shape \(48,\) is missing"),
    ("xval", "token_embed.weight", None, "token_embed.weight is missing: no state dict"),
    ("xval", "lm_head.0.weight", torch.zeros(3), r"lm_head.0.weight has shape \(3,\), not 2 axes"),
    ("xval", "lm_head.0.weight", "text", "lm_head.0.weight is a str, not a tensor"),
    ("astroclip", "image_encoder.mlp.encoder.bias", None, r"bias of shape \(128,\) is missing"),
    (
        *("astroclip", "image_encoder.backbone.norm.bias", torch.zeros(3)),
        r"image_encoder.backbone.norm.bias has shape \(3,\), not \(32,\)",
    ),
    (
        "astroclip",
        "spectrum_encoder.cross_attention.query",
        None,
        "query is missing: no state dict",
    ),
    (
        *("astroclip", "image_encoder.backbone.pos_embed", torch.zeros(1, 16, 32)),
        "pos_embed: 15 patches of 3 bands, not a square of 3",
    ),
    (
        *("astroclip", "spectrum_encoder.backbone.data_embed.weight", torch.zeros(48, 2)),
        r"data_embed.weight of shape \(48, 2\) leaves no pixels",
    ),
    *(
        (name, "extra.weight", torch.zeros(2, 3), r"extra.weight of shape \(2, 3\) is not known")
        for name in CONVERTERS
    ),
]
each = pytest.mark.parametrize("name", CONVERTERS)
pytestmark = pytest.mark.usefixtures("here")


def convert(name, path, out="out.safetensors"):
    return CONVERTERS[name].project.convert.convert.convert(path, out, **CONVERTERS[name].heads)


def convert_state(name, state):
    convert_state = CONVERTERS[name].project.convert.state_dict.convert_state
    return convert_state(state, **CONVERTERS[name].heads)


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.items())


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
@each
def test_prefixes_of_wrappers_are_dropped(name, prefix):
    weights = CONVERTERS[name].weights
    wrapped = {prefix + key: value for key, value in weights.items()}
    assert_same(convert_state(name, wrapped).weights, convert_state(name, weights).weights)


@pytest.mark.parametrize(("name", "key", "value", "message"), WRONG)
def test_a_wrong_state_is_refused_with_key_and_shape(name, key, value, message):
    state = {**CONVERTERS[name].weights, key: value}
    if value is None:
        del state[key]
    with pytest.raises(ValueError, match=message) as caught:
        convert_state(name, state)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["bare.pt", "checkpoint.tar", "weights.safetensors"])
@each
def test_a_converted_file_is_read_back_to_evaluate(name, kind):
    weights = CONVERTERS[name].weights
    if kind.endswith("safetensors"):
        save_file(weights, kind)
    else:
        named = {f"module.{key}": value for key, value in weights.items()}
        torch.save({"epoch": 3, "model_state": named} if "tar" in kind else weights, kind)
    convert(name, kind)
    model = CONVERTERS[name].project.convert.convert.load("out.safetensors")
    assert not any(part.training for part in model.modules())
    assert_same(model.state_dict(), convert_state(name, weights).weights)


class Trap:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize("name", ["mpp", "xval"])  # that of AstroCLIP knows what to pass over
def test_a_file_that_would_run_code_is_refused(name, capsys):
    torch.save({"model_state": Trap()}, "trap.pt")
    with pytest.raises(ValueError, match=r"trap.pt: not a checkpoint of plain tensors"):
        convert(name, "trap.pt")
    assert capsys.readouterr().out == ""
    assert not Path("out.safetensors").exists()


@each
def test_files_that_are_none_are_named(name):
    Path("cut.pt").write_bytes(b"PK\x03\x04 and no more")
    torch.save({"a": torch.zeros(1)}, "other.pt")
    save_file(CONVERTERS[name].weights, "other.safetensors")
    for path, out, message in [
        ("nowhere.pt", "out.safetensors", r"nowhere.pt: no such file"),
        ("nowhere.pt", "x.pt", r"out: x.pt does not end in .safetensors"),
        ("cut.pt", "out.safetensors", r"cut.pt: damaged or cut short"),
        ("other.pt", "out.safetensors", r"other.pt: .*weight is missing"),
    ]:
        with pytest.raises(ValueError, match=message):
            convert(name, path, out)
    with pytest.raises(ValueError, match=f"not weights that {name} convert wrote"):
        CONVERTERS[name].project.convert.convert.load("other.safetensors")
