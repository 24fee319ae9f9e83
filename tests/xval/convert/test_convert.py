"""The converter, and by it the network, beside the original: its answers and a restatement."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import xval
from xval.convert.convert import convert, from_reference, load
from xval.convert.state_dict import convert_state

sys.path.append(str(Path(__file__).parent))
import plain_xval as plain

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = [  # vocab, dim, depth, heads, hidden, length, batch, time
    (27, 48, 2, 3, 96, 64, 3, 40),
    (11, 32, 1, 8, 50, 20, 1, 20),
    (100, 36, 4, 6, 144, 33, 5, 1),
]


@pytest.fixture
def weights():
    return plain.random_plain(*CASES[0][:6]).state_dict()


def inputs(vocab, batch, time):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(vocab, (batch, time), generator=generator)
    return tokens, 2 * torch.randn(batch, time, generator=generator)


def test_a_converted_network_answers_as_the_original_did():
    stored = load_file(GOLDEN / "xval.io.safetensors")
    model = xval.from_reference(load_file(GOLDEN / "xval.weights.safetensors"), heads=3)
    logits, values = model(stored["ids"], stored["numbers"])
    assert logits.shape == stored["logits"].shape
    assert values.shape == stored["values"].shape
    assert (logits - stored["logits"]).abs().max() <= 1e-5
    assert (values - stored["values"]).abs().max() <= 1e-5


@pytest.mark.parametrize(
    ("vocab", "dim", "depth", "heads", "hidden", "length", "batch", "time"), CASES
)
def test_values_and_gradients_are_those_of_the_plain_network(
    vocab, dim, depth, heads, hidden, length, batch, time
):
    theirs = plain.random_plain(vocab, dim, depth, heads, hidden, length, dropout=0.0).double()
    ours = from_reference(theirs.state_dict(), heads).double()
    tokens, numbers = inputs(vocab, batch, time)
    pairs = list(zip(theirs(tokens, numbers.double()), ours(tokens, numbers.double()), strict=True))
    for expected, answer in pairs:
        assert (answer - expected).abs().max() <= 1e-10
    for index in (0, 1):
        sum(pair[index].pow(2).sum() for pair in pairs).backward()
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    translated = convert_state(gradients, heads).weights
    for name, parameter in ours.named_parameters():
        assert (parameter.grad - translated[name]).abs().max() <= 1e-8, name


def test_sizes_are_read_from_the_weights():
    for vocab, dim, depth, heads, hidden, length, _, _ in CASES:
        state = plain.random_plain(vocab, dim, depth, heads, hidden, length).state_dict()
        settings = convert_state(state, heads).settings
        found = [settings[key] for key in ("vocab", "dim", "depth", "heads", "length")]
        assert found == [vocab, dim, depth, heads, length]
        assert from_reference(state, heads).token_head[0].out_features == hidden


def test_a_converted_network_evaluates(weights):
    assert not from_reference(weights, 3).training


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_prefixes_of_wrappers_are_dropped(weights, prefix):
    plainly = from_reference(weights, 3).state_dict()
    named = {prefix + name: value for name, value in weights.items()}
    wrapped = from_reference(named, 3).state_dict()
    assert all(torch.equal(wrapped[name], value) for name, value in plainly.items())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_head.0.bias", torch.zeros(3), r"num_head.0.bias has shape \(3,\), not \(96,\)"),
        ("encoder_stack.layers.1.norm2.bias", None, r"layers.1.norm2.bias of shape \(48,\) is mis"),
        ("token_embed.weight", None, "token_embed.weight is missing: no state dict"),
        ("extra.weight", torch.zeros(2, 3), r"extra.weight of shape \(2, 3\) is not known"),
        ("lm_head.0.weight", torch.zeros(3), r"lm_head.0.weight has shape \(3,\), not 2 axes"),
        ("lm_head.0.weight", "text", "lm_head.0.weight is a str, not a tensor"),
    ],
)
def test_a_wrong_state_is_refused_with_key_and_shape(weights, name, value, message):
    state = {**weights, name: value}
    if value is None:
        del state[name]
    with pytest.raises(ValueError, match=message):
        from_reference(state, 3)


@pytest.mark.parametrize("heads", [5, 0])
def test_heads_that_cannot_be_are_refused(weights, heads):
    with pytest.raises(ValueError, match=f"heads={heads} does not divide 48"):
        from_reference(weights, heads)


@pytest.mark.parametrize("kind", ["bare.pt", "checkpoint.tar", "weights.safetensors"])
def test_a_converted_file_is_read_back(weights, tmp_path, kind):
    original, out = str(tmp_path / kind), str(tmp_path / "ours.safetensors")
    if kind.endswith("safetensors"):
        save_file(weights, original)
    else:
        named = {f"module.{name}": value for name, value in weights.items()}
        torch.save({"epoch": 3, "model_state": named} if "tar" in kind else weights, original)
    convert(original, out, heads=3)
    model = load(out)
    assert not model.training
    text = inputs(27, 2, 9)
    expected = from_reference(weights, 3)(*text)
    assert all(torch.equal(*pair) for pair in zip(model(*text), expected, strict=True))


def test_files_that_are_none_are_named(tmp_path, weights):
    out = str(tmp_path / "out.safetensors")
    with pytest.raises(ValueError, match=r"nowhere.pt: no such file"):
        convert(str(tmp_path / "nowhere.pt"), out)
    with pytest.raises(ValueError, match=r"out: x.pt does not end in .safetensors"):
        convert("nowhere.pt", "x.pt")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other.pt: token_embed.weight is missing"):
        convert(str(tmp_path / "other.pt"), out)
    save_file(weights, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not weights that xval convert wrote"):
        load(tmp_path / "other.safetensors")
