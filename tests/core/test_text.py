import pytest

from sciformer.text import did_you_mean, printable, single_line


def test_what_can_be_printed_stays():
    for text in ("", "a b", "\u03b1 \u4e2d", "a\nb"):
        assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\x00b", r"a\x00b"),
        ("a\tb\xa0c", "a b c"),
        ("a\u202eb", r"a\u202eb"),  # would turn the rest of the line around
        ("a\udcffb", r"a\udcffb"),  # a byte of a file name that is no UTF-8
    ],
)
def test_what_cannot_is_shown_by_its_code(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_a_line_has_no_line_breaks_of_any_kind(end):
    assert single_line(f" a {end} b{end}{end}c ") == "a b c"


KNOWN = ["data.batch_size", "data.cache", "model.network.dim", "model.like", "config"]


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("data.batch_sise", "data.batch_size"),
        ("data.batch", "data.batch_size"),  # an abbreviation, not data.cache
        ("batch_size", "data.batch_size"),
        ("model.dim", "model.network.dim"),
        ("confg", "config"),
    ],
)
def test_the_nearest_word_is_asked_for(word, near):
    assert did_you_mean(word, KNOWN) == f"; did you mean {near}?"


def test_nothing_is_asked_where_no_word_is_near():
    assert did_you_mean("model.zzz", KNOWN) == did_you_mean("", KNOWN[:1]) == ""
