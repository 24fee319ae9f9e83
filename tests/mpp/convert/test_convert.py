"""The converter, and by it the network, beside the original: its answers and a restatement."""

from pathlib import Path

import plain
import pytest
import torch
from safetensors.torch import load_file

from mpp.convert.convert import from_reference
from mpp.convert.state_dict import convert_state

GOLDEN = Path(__file__).parents[2] / "golden"
SAME = 1e-5  # in double precision, where only mathematics can differ: eps of the first norm is 1e-8
# fp32 sums come in another order on another processor: a network is judged by its distance from
# double precision, in units of the distance of the fp32 network that it is compared with.
AS_NEAR = 2.0


@pytest.fixture(scope="module")
def weights():
    return plain.random_weights(48, 3, 2, 12)


def distance(ours, theirs):
    return ((ours.double() - theirs).abs().max() / theirs.std()).item()


@pytest.mark.parametrize(
    ("name", "periodic"),
    [("rel", (True, False)), ("periodic", (True, True)), ("continuous", (False, False))],
)
def test_a_converted_network_answers_as_the_original_did(name, periodic):
    stored = load_file(GOLDEN / f"mpp_{name}.io.safetensors")
    frames, fields, exact = stored["input"].transpose(0, 1), stored["labels"][0], "output_double"
    model = from_reference(load_file(GOLDEN / f"mpp_{name}.weights.safetensors"))
    single = distance(model(frames, fields, periodic), stored[exact])
    assert single <= AS_NEAR * distance(stored["output"], stored[exact])
    assert distance(model.double()(frames.double(), fields, periodic), stored[exact]) <= SAME


CASES = [  # batch, time, height, width, (height periodic, width periodic), bias
    (1, 16, 32, 32, (False, False), "relative"),
    (2, 1, 48, 32, (True, False), "relative"),
    (2, 3, 80, 48, (False, True), "relative"),
    (1, 2, 112, 64, (True, True), "relative"),
    (3, 5, 64, 96, (True, True), "none"),
    (1, 4, 64, 80, (False, False), "continuous"),
    (2, 2, 64, 96, (True, True), "continuous"),
]


@pytest.mark.parametrize(("batch", "time", "height", "width", "periodic", "bias"), CASES)
def test_values_and_gradients_are_those_of_the_plain_network(
    batch, time, height, width, periodic, bias
):
    generator = torch.Generator().manual_seed(1)
    weights = plain.random_weights(48, 3, 2, 6, bias, seed=time)
    weights = {name: value.double().requires_grad_() for name, value in weights.items()}
    model = from_reference(weights).double()
    frames = torch.randn(batch, time, 2, height, width, generator=generator, dtype=torch.float64)
    frames = 3.0 + frames.cumsum(3)
    fields = torch.tensor([4, 1])
    theirs = plain.forward(weights, frames, fields, periodic)
    ours = model(frames, fields, periodic)
    assert distance(ours, theirs) <= SAME
    pull = torch.randn(theirs.shape, generator=generator, dtype=torch.float64)
    (theirs * pull).sum().backward()
    (ours * pull).sum().backward()
    gradients = {name: v.grad for name, v in weights.items() if v.grad is not None}
    translated = convert_state({**weights, **gradients}).weights
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        # A shift of all keys moves no softmax: the gradient of their bias is a rounding error.
        scale = translated[name].std() if parameter.numel() > 1 else 1.0
        assert (parameter.grad - translated[name]).abs().max() <= 1e-5 * scale + 1e-9, name


def test_in_single_precision_the_plain_network_is_as_near():
    weights = plain.random_weights(64, 2, 3, 6)
    generator = torch.Generator().manual_seed(2)
    frames = torch.randn(2, 7, 3, 80, 112, generator=generator)
    fields = torch.tensor([5, 0, 2])
    wide = {name: value.double() for name, value in weights.items()}
    with torch.no_grad():
        theirs = plain.forward(weights, frames, fields, (True, False))
        ours = from_reference(weights).requires_grad_(False)(frames, fields, (True, False))
        exact = plain.forward(wide, frames.double(), fields, (True, False))
    assert distance(ours, exact) <= AS_NEAR * distance(theirs, exact)


def test_parameters_that_the_original_never_uses_are_listed(weights):
    dropped = convert_state(weights).dropped
    assert len(dropped) == 5 + 2 * 3
    assert "embed.in_proj.7.bias" in dropped
    assert "blocks.1.spatial.mlp_norm.bias" in dropped
    changed = {n: v + 1.0 if n in dropped else v for n, v in weights.items()}
    frames = torch.randn(1, 2, 1, 32, 32)
    answers = [from_reference(w)(frames, torch.tensor([3]), (1, 0)) for w in (weights, changed)]
    assert torch.equal(*answers)


@pytest.mark.parametrize("bias", ["relative", "continuous", "none"])
@pytest.mark.parametrize("size", [(48, 3, 2), (32, 4, 1)])
def test_sizes_are_read_from_the_weights(size, bias):
    dim, heads, depth = size
    settings = convert_state(plain.random_weights(dim, heads, depth, 7, bias)).settings
    assert settings["size"] == [dim, depth, heads]
    assert settings["fields"] == 7
    assert settings["bias"] == bias


def test_heads_that_the_weights_contradict_are_refused(weights):
    with pytest.raises(ValueError, match=r"heads=4, but .* of 16 says 3"):
        from_reference(weights, heads=4)
