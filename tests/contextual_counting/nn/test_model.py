from functools import partial

import pytest
import torch

from contextual_counting.nn.model import BEGIN, CountingTransformer
from contextual_counting.nn.prefix_count_attention import CountingBlock
from contextual_counting.simulate.sequences import CLOSE, ONE, OPEN
from sciformer.interpret.hooks import run_with_cache


def tokens(samples=3, length=60, seed=0):
    return torch.randint(0, 4, (samples, length), generator=torch.Generator().manual_seed(seed))


def test_dilution_is_of_the_training_alone():
    torch.manual_seed(0)
    plain, diluted = CountingTransformer(), CountingTransformer(dilution=8.0)
    diluted.load_state_dict(plain.state_dict())
    ids = tokens(50)
    assert diluted.eval().encoder(ids).equal(plain.encoder(ids))
    times = diluted.train().encoder.times(1000)
    assert (times[:, 2:] == 1).all()
    assert times[:, 0].equal(times[:, 1])
    assert times[:, 0].log2().mean().item() == pytest.approx(1.5, abs=0.1)
    assert 1 <= times.min() < times.max() <= 8


def test_without_positions_the_model_chooses_count_attention_itself():
    assert isinstance(CountingTransformer().encoder.block, CountingBlock)
    for positions in ("rotary", "learned", "alibi"):
        assert not isinstance(CountingTransformer(positions=positions).encoder.block, CountingBlock)


def test_a_causal_encoder_does_not_see_the_future():
    for positions in ("none", "rotary", "learned", "alibi"):
        model = CountingTransformer(positions=positions)
        ids = tokens(1)
        changed = ids.clone()
        changed[:, 40:] = 3 - changed[:, 40:]
        before, after = model.encoder(ids), model.encoder(changed)
        assert torch.allclose(before[:, :41], after[:, :41], atol=1e-5)
        assert not torch.allclose(before[:, 41:], after[:, 41:], atol=1e-2)


def test_non_causal_without_positions_does_not_notice_a_shuffle():
    # Proposition 2.3: it is permutation invariant, and so cannot count by region.
    model = CountingTransformer(causal=False, head="free").double()
    ids = tokens(4, 512)
    shuffled = ids[:, torch.randperm(512, generator=torch.Generator().manual_seed(1))]
    assert torch.allclose(model(ids, 4), model(shuffled, 4), atol=1e-6)  # attention is in fp32


def test_causal_without_positions_notices_a_shuffle():
    model = CountingTransformer(head="free")
    ids = tokens(4, 512)
    assert not torch.allclose(model(ids, 4), model(ids.flip(1), 4), atol=1e-3)


def test_uniform_attention_to_past_delimiters_gives_the_region_ratio():
    # Proposition 2.2: inside region r the share of [ among past delimiters is r / (2 r - 1), and
    # between regions it is exactly 1/2. The weights are set by hand: only delimiters score.
    model = CountingTransformer(dim=4, begin=False).double()
    block, table = model.encoder.block, model.encoder.embedding
    with torch.no_grad():
        table.weight.copy_(torch.eye(5, 4))  # one axis per class: 0, 1, [, ]
        for layer in (block.attention.query, block.attention.key):
            layer.weight.zero_()
            layer.bias.zero_()
        block.attention_norm = torch.nn.Identity()
        block.attention.query.bias[0] = 200.0
        block.attention.key.weight[0] = torch.tensor([-1.0, -1.0, 1.0, 1.0])
        block.attention.value.weight.copy_(torch.eye(4))
        block.attention.out.weight.copy_(torch.eye(4))
        for layer in (block.attention.value, block.attention.out, block.mlp.down):
            layer.bias.zero_()
        block.mlp.down.weight.zero_()
    ids = torch.tensor([[0, OPEN, ONE, 0, CLOSE, ONE] * 4])
    attended = block(table.weight, ids) - table(ids)
    ratio = attended[0, :, OPEN]
    for region in range(1, 5):
        start = 6 * (region - 1)
        inside, between = ratio[start + 2 : start + 4], ratio[start + 5]
        assert torch.allclose(inside, torch.tensor(region / (2 * region - 1)).double(), atol=1e-6)
        assert torch.allclose(between, torch.tensor(0.5).double(), atol=1e-6)


def test_a_sample_is_answered_the_same_alone_and_in_a_batch():
    model = CountingTransformer(head="free")
    ids = tokens(5)
    assert torch.allclose(model(ids, 4)[2:3], model(ids[2:3], 4), atol=1e-5)


def test_the_first_regions_are_answered_the_same_however_many_are_asked():
    model = CountingTransformer(head="free")
    assert torch.allclose(model(tokens(), 6)[:, :2], model(tokens(), 2), atol=1e-5)


def test_the_beginning_token_is_put_in_front_or_left_out():
    ids = tokens(1)
    with_begin = CountingTransformer(begin=True).encoder.with_begin(ids)
    assert with_begin[0, 0] == BEGIN
    assert (with_begin[:, 1:] == ids).all()
    assert (CountingTransformer(begin=False).encoder.with_begin(ids) == ids).all()


def test_the_decoder_counts_in_fp32_under_bf16_autocast():
    model = CountingTransformer(head="free")
    with torch.autocast("cpu", torch.bfloat16):
        encoded = model.encoder(tokens())
        logits = model(tokens(), 3)
    assert logits.dtype == torch.float32
    assert torch.equal(logits, model.decoder(encoded.float(), 3))


def test_learned_positions_refuse_a_longer_sequence():
    model = CountingTransformer(positions="learned", length=30)
    with pytest.raises(ValueError, match="31"):
        model(tokens(length=40), 2)


@pytest.mark.parametrize("token", [5, 100, -1])
@pytest.mark.parametrize("positions", ["none", "learned"])
def test_a_token_that_there_is_none_of_is_refused(token, positions):
    model = CountingTransformer(16, classes=64, regions=2, length=32, positions=positions)
    tokens = torch.full((1, 8), token)
    for call in (model, partial(run_with_cache, model)):
        with pytest.raises(ValueError, match=f"token id {token} is none of 0 to 4"):
            call(tokens, 2)
