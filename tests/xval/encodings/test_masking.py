import numpy as np
import pytest
import torch

from xval import encoding
from xval.encodings.masking import draw_hidden, hide

TEXT = "{'a':-60.2,'b':[1,22,3.5]} "
NAMES = ["p10", "p1000", "b1999", "fp15", "xval"]


def text_of(name):
    code = encoding(name)
    tokens, numbers = map(torch.from_numpy, code.encode_text(TEXT))
    tokens = torch.cat([tokens, torch.tensor([code.end, code.pad, code.pad])])
    return code, tokens, torch.cat([numbers, torch.ones(3)])


def draws(name, probability=0.5, count=400):
    code, tokens, _ = text_of(name)
    generator = torch.Generator().manual_seed(0)
    every = [draw_hidden(tokens, code, probability, generator) for _ in range(count)]
    return code, tokens, torch.stack(every)


@pytest.mark.parametrize("name", NAMES)
def test_padding_and_the_end_are_never_hidden(name):
    code, tokens, hidden = draws(name, probability=1.0, count=20)
    quiet = (tokens == code.pad) | (tokens == code.end)
    assert quiet.sum() == 3
    assert not hidden[:, quiet].any()
    words = ~quiet & ~torch.from_numpy(code.is_number(tokens.numpy()))
    assert hidden[:, words].all()


@pytest.mark.parametrize("name", NAMES)
def test_words_and_numbers_are_hidden_with_the_same_probability(name):
    code, tokens, hidden = draws(name, probability=0.3)
    share = hidden.float().mean(0)
    starts = torch.from_numpy(code.starts(tokens.numpy()))
    last = (starts != torch.roll(starts, -1)) & (tokens != code.end) & (tokens != code.pad)
    # 400 draws of 0.3: a standard error of 0.023; the last token of a number is hidden with it.
    assert (share[last] - 0.3).abs().max() < 0.1
    assert abs(share[last].mean() - 0.3) < 0.02


@pytest.mark.parametrize("name", ["p10", "p1000", "b1999"])
def test_a_number_of_several_tokens_is_hidden_from_some_token_to_its_end(name):
    code, tokens, hidden = draws(name)
    (place,) = np.flatnonzero(code.starts(tokens.numpy())[1:] != np.arange(1, len(tokens)))[:1]
    number = hidden[:, place : place + code.length].int()
    assert (number.diff(dim=1) >= 0).all()
    counts = number.sum(1).bincount(minlength=code.length + 1)
    assert (counts > 0).all()  # all of it, some of its last tokens, or nothing
    assert counts[code.length] > 80 > counts[1]  # of 400, some 120 or more


def test_what_is_hidden_depends_on_the_generator_alone():
    code, tokens, _ = text_of("p1000")
    first, again, other = (
        draw_hidden(tokens, code, 0.5, torch.Generator().manual_seed(seed)) for seed in (7, 7, 8)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_hidden_number_enters_as_a_mask_with_value_one():
    code, tokens, numbers = text_of("xval")
    hidden = torch.zeros_like(tokens, dtype=torch.bool)
    hidden[5] = hidden[0] = True
    assert tokens[5] == code.num
    seen = hide(tokens, numbers, hidden)
    assert seen.tokens[5] == seen.tokens[0] == code.mask
    assert seen.numbers[5] == 1
    assert torch.equal(seen.tokens[~hidden], tokens[~hidden])
    assert torch.equal(seen.numbers[~hidden], numbers[~hidden])
    assert numbers[5] == np.float32(-60.2)
