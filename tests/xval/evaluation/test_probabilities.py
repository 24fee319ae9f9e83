"""Probabilities of hidden words, and what a temperature does for them."""

import pytest
import torch
from xval_small import data, module, taught

from xval.encodings.special_tokens import NUM
from xval.evaluation.evaluate import word_figures
from xval.evaluation.probabilities import (
    Words,
    calibration,
    calibration_error,
    hidden_words,
    temperature,
)

pytestmark = pytest.mark.filterwarnings("ignore:.* left over are dropped")


def drawn(size=20_000, seed=0):
    """Classes drawn by their probabilities, so that the logits are right as they are."""
    draws = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(size, 5, generator=draws)
    return Words(logits, torch.multinomial(logits.softmax(1), 1, generator=draws)[:, 0])


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_temperature_undoes_a_factor_of_the_logits(factor):
    words = drawn()
    wrong = words._replace(logits=words.logits * factor)
    assert temperature(wrong) == pytest.approx(factor, rel=0.03)
    fresh = drawn(seed=1)
    found = calibration(fresh._replace(logits=fresh.logits * factor), temperature(wrong))
    assert found.word_error_calibrated < 0.015
    assert found.word_error > 0.1 or factor == 1.0
    assert found.word_accuracy == pytest.approx(
        (fresh.logits.argmax(1) == fresh.wanted).float().mean()
    )


def test_the_error_is_the_distance_of_what_is_said_and_what_is_so():
    logits = torch.tensor([[0.8, 0.2]] * 10).log()
    wanted = torch.tensor([0] * 5 + [1] * 5)
    assert calibration_error(Words(logits, wanted)) == pytest.approx(0.3, abs=1e-6)
    assert calibration_error(Words(logits, torch.zeros(10, dtype=torch.int64))) == pytest.approx(
        0.2
    )


def test_hidden_words_are_counted_and_numbers_are_not():
    given = data()
    own = taught(given, 20)
    texts = given.texts_of("val")
    words = hidden_words(own, texts.batches(16))
    assert words is not None
    batches = list(texts.batches(16))
    hidden = sum(int((one.hidden & (one.tokens != NUM)).sum()) for one in batches)
    assert len(words.wanted) == hidden > 0
    found = word_figures(own, given, None)
    assert set(found) <= set(given.names)
    for each in found.values():
        assert 0 <= each.word_error <= 1


def test_where_only_numbers_are_hidden_there_are_no_words():
    given = data(ask=1.0)
    assert hidden_words(module(given).eval(), given.texts_of("val").batches(16)) is None
