"""The network: numbers scale their token, padding changes nothing, the future is hidden."""

import pytest
import torch
from torch import nn

from sciformer.training.distributed.strategies import Block
from xval.encodings.special_tokens import MASK, NUM, PAD
from xval.nn.embedding import NumberEmbedding
from xval.nn.model import XVal

SIZES = {"vocab": 20, "dim": 16, "depth": 2, "heads": 2, "mlp_ratio": 2.0, "length": 24}


def network(**options):
    torch.manual_seed(0)
    return XVal(**SIZES | options).eval()


def texts(batch=3, time=9, seed=1):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(NUM, 20, (batch, time), generator=generator)
    numbers = torch.randn(batch, time, generator=generator)
    return tokens, numbers.where(tokens == NUM, 1.0)


def test_a_number_scales_its_token_before_the_position_is_added():
    embedding = NumberEmbedding(20, 16, 24)
    tokens, numbers = texts()
    expected = torch.stack(
        [
            x * embedding.tokens.weight[token] + embedding.positions.weight[place]
            for row, values in zip(tokens, numbers, strict=True)
            for place, (token, x) in enumerate(zip(row, values, strict=True))
        ]
    )
    assert torch.equal(embedding(tokens, numbers).flatten(0, 1), expected)


def test_tokens_and_positions_start_with_one_norm():
    embedding = NumberEmbedding(300, 64, 300, scales=[1.0, 4.0])
    for weight in embedding.parameters():
        assert weight.norm(dim=-1).mean().item() == pytest.approx(1.0, abs=0.2)


def test_axes_follow_their_formula_and_belong_to_numbers_only():
    scales = [0.1, 10.0]
    embedding = NumberEmbedding(20, 16, 24, scales)
    tokens, numbers = texts()
    more = embedding(tokens, numbers)
    offset, *axes = embedding.axes
    embedding.axes = None
    expected = embedding(tokens, numbers)
    for row, place in (tokens == NUM).nonzero():
        x = numbers[row, place]
        expected[row, place] += offset
        for scale, axis in zip(scales, axes, strict=True):
            expected[row, place] += axis * scale * x / (1 + (scale * x) ** 2) ** 0.5
    assert (more - expected).abs().max() < 1e-6  # sums in another order


def test_with_axes_zero_differs_from_no_token_and_large_numbers_from_each_other():
    tokens = torch.full((1, 3), NUM)
    numbers = torch.tensor([[0.0, 1e3, 1e4]])
    plain, axes = NumberEmbedding(20, 64, 3), NumberEmbedding(20, 64, 3, scales=[1e-3, 1e-4])
    seen = {}
    for embedding in (plain, axes):
        nn.init.zeros_(embedding.positions.weight)
        with torch.no_grad():
            seen[embedding] = nn.functional.layer_norm(embedding(tokens, numbers)[0], (64,))
    assert seen[plain][0].norm() == 0
    assert seen[axes][0].norm() > 1
    assert (seen[plain][1] - seen[plain][2]).norm() < 1e-4
    # Against 1e3 u both axes are small; the data's transform is what takes sizes to a few units.
    scaled = NumberEmbedding(20, 64, 3, scales=[1.0, 0.25])
    nn.init.zeros_(scaled.positions.weight)
    values = scaled(tokens, torch.tensor([[1.0, 4.0, 5.0]]))[0]
    far = nn.functional.layer_norm(values, (64,))
    assert (far[1] - far[2]).norm() > 0.1


def test_axes_are_off_by_default():
    assert network().embedding.axes is None
    assert "embedding.axes" in network(scales=[1.0]).state_dict()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scales", [(), (1.0, 8.0)])
def test_padding_changes_no_answer(causal, scales):
    model = network(causal=causal, scales=scales)
    tokens, numbers = texts()
    lengths = torch.tensor([9, 4, 7])
    present = torch.arange(17) < lengths[:, None]
    padded = torch.full((3, 17), PAD)
    channel = torch.ones(3, 17)
    padded[:, :9], channel[:, :9] = tokens, numbers
    padded[~present] = torch.randint(20, ((~present).sum(),))
    channel[~present] = 1e3
    logits, values = model(padded, channel, present)
    for row, length in enumerate(lengths):
        alone = model(tokens[row, None, :length], numbers[row, None, :length])
        # Another path of attention sums in another order.
        assert (logits[row, :length] - alone[0][0]).abs().max() < 1e-6
        assert (values[row, :length] - alone[1][0]).abs().max() < 1e-6


def test_answers_are_computed_where_asked():
    model, (tokens, numbers) = network(), texts()
    logits, values = model(tokens, numbers)
    assert logits.shape == (3, 9, 20)
    assert values.shape == (3, 9, 1)
    at = torch.rand(3, 9) < 0.4
    some = model(tokens, numbers, at=at)
    assert torch.allclose(some[0], logits[at], atol=1e-6)
    assert torch.allclose(some[1], values[at], atol=1e-6)
    by_index = model(tokens, numbers, at=at.flatten().nonzero().squeeze(1))
    assert torch.equal(by_index[0], some[0])


def test_heads_work_only_where_asked():
    model, (tokens, numbers) = network(), texts()
    rows = []
    model.token_head[0].register_forward_hook(lambda *call: rows.append(call[2].shape[:-1].numel()))
    at = torch.zeros(3, 9, dtype=torch.bool)
    at[1, 2] = at[2, 3] = True
    model(tokens, numbers, at=at)
    assert rows == [2]


def test_a_causal_network_does_not_see_the_future_and_another_does():
    tokens, numbers = texts()
    changed = numbers.clone()
    tokens[:, 6] = NUM
    changed[:, 6] = 3.0
    for causal in (True, False):
        model = network(causal=causal)
        before, after = model(tokens, numbers)[1], model(tokens, changed)[1]
        assert torch.equal(before[:, :6], after[:, :6]) is causal
        assert not torch.equal(before[:, 6:], after[:, 6:])


def test_blocks_start_different_and_a_norm_stands_before_the_heads():
    model = network()
    first, second = model.encoder.blocks
    assert not torch.equal(first.mlp.up.weight, second.mlp.up.weight)
    assert isinstance(model.encoder.norm, nn.LayerNorm)
    assert isinstance(network(final_norm=False).encoder.norm, nn.Identity)
    assert sum(isinstance(module, Block) for module in model.modules()) == 2


def test_a_text_longer_than_the_context_is_one_line():
    tokens, numbers = texts(time=25)
    with pytest.raises(ValueError, match=r"^25 tokens do not fit into a context of 24$"):
        network()(tokens, numbers)


def test_values_stay_in_single_precision_under_autocast():
    model, (tokens, numbers) = network(), texts()
    with torch.autocast("cpu", torch.bfloat16):
        assert model.embedding(tokens, numbers).dtype == torch.float32
        logits, values = model(tokens, numbers)
    assert logits.dtype == torch.bfloat16
    assert values.dtype == torch.float32
    assert (values - model(tokens, numbers)[1]).abs().max() < 0.05


def test_a_small_network_learns_to_double_a_number():
    """Through embedding, blocks and number head: a line with a slope that no constant has."""
    torch.manual_seed(0)
    model = XVal(8, dim=16, depth=1, heads=2, length=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    tokens = torch.tensor([[NUM, MASK]]).expand(64, 2)
    for _ in range(200):
        x = torch.rand(64) * 2 - 1
        numbers = torch.stack([x, torch.ones(64)], 1)
        values = model(tokens, numbers, at=tokens == MASK)[1]
        loss = (values.squeeze(1) - 2 * x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.02  # variance of 2x: 1.33


@pytest.mark.parametrize("token", [5, -1])
def test_a_token_that_there_is_none_of_is_refused(token):
    with pytest.raises(ValueError, match=f"token id {token} is none of 0 to 4"):
        XVal(5, 16, 1, 2)(torch.full((1, 8), token), torch.ones(1, 8))


def test_every_parameter_gets_a_gradient():
    model = network(scales=(1.0, 8.0)).train()
    logits, values = model(*texts())
    (logits.square().mean() + values.square().mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
