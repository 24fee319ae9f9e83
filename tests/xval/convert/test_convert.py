"""The converter, and by it the network, beside the original: its answers and a restatement."""

from pathlib import Path

import plain_xval as plain
import pytest
import torch
from safetensors.torch import load_file

import xval
from xval.convert.convert import from_reference
from xval.convert.state_dict import convert_state

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


@pytest.mark.parametrize("heads", [5, 0])
def test_heads_that_cannot_be_are_refused(weights, heads):
    with pytest.raises(ValueError, match=f"heads={heads} does not divide 48"):
        from_reference(weights, heads)
