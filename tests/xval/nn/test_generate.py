import pytest
import torch

from xval.encodings.special_tokens import END, MASK, NUM, PAD
from xval.nn.generate import NEVER, fill, generate
from xval.nn.model import XVal

SIZES = {"vocab": 20, "dim": 16, "depth": 2, "heads": 2, "mlp_ratio": 2.0, "length": 24}


def network(**options):
    torch.manual_seed(0)
    model = XVal(**SIZES | options).eval()
    for parameter in model.parameters():  # sure answers that depend on the input
        parameter.data.mul_(3.0)
    return model


def texts(batch=4, time=8):
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(NUM, 20, (batch, time), generator=generator)
    numbers = torch.randn(batch, time, generator=generator)
    return tokens, numbers.where(tokens == NUM, 1.0)


def answer(model, tokens, numbers, place):
    """The likeliest token and its value at a place of one text, one forward each."""
    logits, values = model(tokens[None], numbers[None])
    logits = logits[0, place].clone()
    logits[NEVER] = -torch.inf
    token = logits.argmax()
    return token, values[0, place, 0] if token == NUM else torch.tensor(1.0)


def test_all_hidden_numbers_of_a_batch_are_filled_in_one_pass():
    model, (tokens, numbers) = network(), texts()
    tokens[:, 1] = tokens[:, 4] = tokens[0, 6] = MASK
    numbers[tokens == MASK] = 1.0
    passes = []
    handle = model.register_forward_hook(lambda *_: passes.append(1))
    filled = fill(model, tokens, numbers)
    handle.remove()
    assert len(passes) == 1
    assert not (filled.tokens == MASK).any()
    for row, place in (tokens == MASK).nonzero():
        token, value = answer(model, tokens[row], numbers[row], place)
        assert filled.tokens[row, place] == token
        assert (filled.numbers[row, place] - value).abs() < 1e-6
    assert torch.equal(filled.tokens[tokens != MASK], tokens[tokens != MASK])
    assert not filled.numbers.requires_grad


def test_a_filled_number_has_the_value_of_the_number_head():
    model, (tokens, numbers) = network(), texts()
    tokens[:, 3], numbers[:, 3] = MASK, 1.0
    words = fill(model, tokens, numbers)
    word = words.tokens[0, 3].item()
    assert word != NUM
    assert words.numbers[0, 3] == 1
    rows = model.token_head[2].weight.data
    rows[[NUM, word]] = rows[[word, NUM]]
    filled = fill(model, tokens, numbers)
    assert filled.tokens[0, 3] == NUM
    assert torch.allclose(filled.numbers[0, 3], model(tokens, numbers)[1][0, 3, 0])


def test_runs_of_masks_are_filled_from_the_left_each_seeing_the_one_before():
    model, (tokens, numbers) = network(), texts()
    runs = {0: [2, 3, 4], 1: [0, 1, 6], 2: [7]}
    for row, places in runs.items():
        tokens[row, places], numbers[row, places] = MASK, 1.0
    filled = fill(model, tokens, numbers)
    for row, order in {0: [[2], [3], [4]], 1: [[0, 6], [1]], 2: [[7]]}.items():
        ids, values = tokens[row].clone(), numbers[row].clone()
        for places in order:
            answers = [answer(model, ids, values, place) for place in places]
            for place, (token, value) in zip(places, answers, strict=True):
                ids[place], values[place] = token, value
        assert torch.equal(filled.tokens[row], ids)
        assert torch.allclose(filled.numbers[row], values, atol=1e-5)


def test_padding_changes_nothing_that_is_filled():
    model, (tokens, numbers) = network(), texts()
    tokens[:, [2, 3]], numbers[:, [2, 3]] = MASK, 1.0
    alone = fill(model, tokens, numbers)
    padded = torch.nn.functional.pad(tokens, (0, 5), value=PAD)
    channel = torch.nn.functional.pad(numbers, (0, 5), value=1.0)
    filled = fill(model, padded, channel, torch.arange(13).expand(4, 13) < 8)
    assert torch.equal(filled.tokens[:, :8], alone.tokens)


def test_each_generated_token_is_the_likeliest_after_those_before():
    model, (tokens, numbers) = network(causal=True), texts()
    lengths = torch.tensor([8, 3, 5, 1])
    made = generate(model, tokens, numbers, lengths, steps=6)
    assert made.tokens.shape == (4, 14)
    for row, start in enumerate(lengths.tolist()):
        assert torch.equal(made.tokens[row, :start], tokens[row, :start])
        end = start
        while end < start + 6:
            token, value = answer(model, made.tokens[row, :end], made.numbers[row, :end], end - 1)
            assert made.tokens[row, end] == token
            assert (made.numbers[row, end] - value).abs() < 1e-5
            end += 1
            if token == END:
                break
        assert (made.tokens[row, end:] == PAD).all()
        assert (made.numbers[row, end:] == 1).all()


def test_a_text_stops_at_its_end_while_others_go_on():
    model, (tokens, numbers) = network(causal=True), texts()
    model.token_head[2].weight.data[END] = 0.0
    model.token_head[2].weight.data[END + 1 :].abs_().neg_()
    made = generate(model, tokens, numbers, torch.tensor([8, 8, 8, 8]), steps=5)
    ended = (made.tokens == END).any(1)
    assert ended.any()
    for row in ended.nonzero().flatten():
        end = (made.tokens[row] == END).nonzero()[0, 0]
        assert (made.tokens[row, end + 1 :] == PAD).all()


@pytest.mark.parametrize(("stop", "calls"), [(True, 1), (False, 6)])
def test_where_ranks_share_a_network_all_steps_are_taken_though_all_texts_have_ended(stop, calls):
    model, (tokens, numbers) = network(causal=True), texts()
    model.token_head[2].weight.data.zero_()
    model.token_head[0].bias = torch.nn.Parameter(torch.ones(32))
    model.token_head[2].weight.data[END] = 1.0
    passes = []
    model.register_forward_hook(lambda *_: passes.append(1))
    made = generate(model, tokens, numbers, torch.full((4,), 8), steps=6, stop=stop)
    assert len(passes) == calls
    assert (made.tokens[:, 8] == END).all()
    assert (made.tokens[:, 9:] == PAD).all()


def test_draws_follow_the_generator_and_the_temperature():
    model, (tokens, numbers) = network(causal=True), texts()
    lengths = torch.full((4,), 8)

    def drawn(seed, temperature):
        generator = torch.Generator().manual_seed(seed)
        return generate(model, tokens, numbers, lengths, 6, temperature, generator).tokens

    assert torch.equal(drawn(0, 1.0), drawn(0, 1.0))
    assert not torch.equal(drawn(0, 5.0), drawn(1, 5.0))
    assert torch.equal(drawn(0, 1e-4), generate(model, tokens, numbers, lengths, 6).tokens)


def test_the_wrong_kind_of_network_is_refused():
    tokens, numbers = texts()
    lengths = torch.full((4,), 8)
    with pytest.raises(ValueError, match="causal network cannot fill"):
        fill(network(causal=True), tokens, numbers)
    with pytest.raises(ValueError, match="not causal cannot continue"):
        generate(network(), tokens, numbers, lengths, 2)
    with pytest.raises(ValueError, match="empty prompt"):
        generate(network(causal=True), tokens, numbers, lengths * 0, 2)
