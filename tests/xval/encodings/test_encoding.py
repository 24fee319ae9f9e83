"""The five encodings: table 1 of the paper, round trips, and that nothing vanishes."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xval import Encoding, encoding
from xval.encodings.digits import EXPONENTS
from xval.encodings.numbers_in_text import cut, value, write

TABLE_1 = {
    "p10": (28, ["-", "6", "0", "2", "E-1"]),
    "p1000": (918, ["-", "602", "E-1"]),
    "b1999": (1816, ["-602", "E-1"]),
    "fp15": (28800, ["-602E-1"]),
    "xval": (1, ["[NUM]"]),
}
CODES = {name: encoding(name, clip=True) for name in TABLE_1}
TEXT_CODES = ["p10", "p1000", "b1999", "fp15"]
TEXTS = st.text() | st.text("0123456789.,-eE x'[]:\n\u2212\u00e9")
many = pytest.mark.parametrize("name", TABLE_1)
text_codes = pytest.mark.parametrize("name", TEXT_CODES)


@many
def test_table_1_of_the_paper(name):
    size, tokens = TABLE_1[name]
    code = encoding(name)
    assert len(code.vocabulary) == len(set(code.vocabulary)) == size
    assert code.encode(-60.2) == tokens
    assert code.length == len(tokens)


def test_an_encoding_does_not_depend_on_those_made_before():
    sizes = {name: encoding(name).size for name in TABLE_1}
    again = {name: encoding(name).size for name in reversed(TABLE_1)}
    assert sizes == again
    assert len(encoding("p10").encode(3.0)) == 5


@text_codes
def test_a_hundred_thousand_numbers_come_back_to_three_digits(name):
    code = encoding(name)
    low, high = code.range
    rng = np.random.default_rng(0)
    sizes = 10 ** rng.uniform(np.log10(low), np.log10(high), 100_000)
    numbers = sizes * rng.choice([-1.0, 1.0], len(sizes))
    tokens = [code.encode(number) for number in numbers]
    decoded = np.array([code.decode(each) for each in tokens])
    # Half a unit of a mantissa of at least 100.
    assert (np.abs(decoded / numbers - 1) <= 5e-3 * (1 + 1e-12)).all()
    assert all(len(each) == code.length for each in tokens)
    assert [code.encode(number) for number in decoded[:5000]] == tokens[:5000]
    used = {token for each in tokens for token in each}
    assert used <= set(code.vocabulary)
    assert len(used) > 0.85 * len(code.vocabulary)


def test_a_hundred_thousand_numbers_of_xval_come_back_in_single_precision():
    code = encoding("xval")
    rng = np.random.default_rng(0)
    numbers = 10 ** rng.uniform(-37.9, 38.5, 100_000) * rng.choice([-1.0, 1.0], 100_000)
    text = " ".join(map(write, numbers))
    tokens, channel = code.encode_text(text)
    assert (channel[tokens == code.num] == numbers.astype(np.float32)).all()
    back = cut(code.decode_text(tokens, channel)).numbers
    assert (
        np.array([value(each) for each in back], np.float32) == numbers.astype(np.float32)
    ).all()


@text_codes
@given(st.data())
def test_any_number_in_range_comes_back_to_three_digits(name, data):
    low, high = CODES[name].range
    number = data.draw(st.floats(low, high)) * data.draw(st.sampled_from([-1, 1]))
    assert abs(CODES[name].decode(CODES[name].encode(number)) - number) <= 5.001e-3 * abs(number)


@text_codes
def test_zero_and_the_limits_come_back(name):
    code = encoding(name)
    low, high = code.range
    assert (low, high) == (1e-7, 9.99e8)
    for number in (0.0, -0.0, low, -low, high, -high, 9.994e8, 9.996e-8):
        decoded = code.decode(code.encode(number))
        assert decoded == float(f"{number:.2e}")
    assert code.encode(-0.0) == code.encode(0.0)
    assert code.encode(0.0) != code.encode(low)


def test_a_zero_token_is_extra_and_named():
    zeros = {name: encoding(name).zero for name in TABLE_1}
    assert zeros == {"p10": None, "p1000": "000", "b1999": "+000", "fp15": "+000E+0", "xval": None}
    for name in TEXT_CODES:
        code = encoding(name)
        assert len(code.encode(0.0)) == code.length
        extra = code.zero is not None
        assert code.size == 4 + len(code.vocabulary) + extra + 256


@text_codes
@pytest.mark.parametrize("number", [1.5e-8, 9.94e-8, 1e9, 9.996e8, -1e300, float("inf")])
def test_a_number_out_of_range_raises_or_becomes_the_nearest(name, number):
    code, clipping = encoding(name), CODES[name]
    with pytest.raises(ValueError, match=rf"{name}: .* out of range, 1e-07 to 9.99e\+08"):
        code.encode(number)
    nearest = min([0.0, 1e-7, 9.99e8, -9.99e8], key=lambda x: abs(x - np.clip(number, -1e10, 1e10)))
    assert clipping.decode(clipping.encode(number)) == nearest


@pytest.mark.parametrize("number", ["1e39", "-1e39", "1e400", "1e-40"])
def test_xval_raises_out_of_range_of_single_precision_or_takes_the_nearest(number):
    with pytest.raises(ValueError, match=r"xval: .* is out of range, 1.17549e-38 to 3.4"):
        encoding("xval").encode_text(f"x is {number}")
    channel = CODES["xval"].encode_text(f"x is {number}")[1]
    wide = np.clip(float(number), -1e39, 1e39)
    low, high = CODES["xval"].range
    nearest = min([0.0, low, high, -high], key=lambda x: abs(x - wide))
    assert channel[-1] == np.float32(nearest)


@many
def test_what_is_not_finite_is_no_number(name):
    code = CODES[name]
    text = "nan and inf"
    assert not code.is_number(code.encode_text(text)[0]).any()
    if name != "xval":
        with pytest.raises(ValueError, match="nan is no number"):
            code.encode(float("nan"))


@pytest.mark.parametrize("lowest", [-16, -8, 0, 3])
def test_the_sixteen_exponents_can_be_chosen(lowest):
    code = encoding("b1999", lowest=lowest)
    low, high = code.range
    assert high / low == pytest.approx(9.99 * 10**EXPONENTS / 10)
    assert low == float(f"1e{lowest + 2}")
    for number in (low, -high, 0.0):
        assert code.decode(code.encode(number)) == number


@many
def test_single_precision_holds_what_half_precision_lost(name):
    for number, written in (("123456789", 1.23e8), ("1.5e-7", 1.5e-7), ("-60.2", -60.2)):
        code = encoding(name)
        text = code.decode_text(*code.encode_text(f"n {number}"))
        found = value(cut(text).numbers[0])
        assert found == (value(write(np.float32(number))) if name == "xval" else written)


@text_codes
@pytest.mark.parametrize("tokens", [[], ["+"], ["E-1"] * 3, ["-602", "-602"], ["6", "0", "2"]])
def test_tokens_that_say_no_number_are_refused(name, tokens):
    with pytest.raises(ValueError, match=f"{name}: .* are not the tokens of a number"):
        encoding(name).decode(tokens)


def test_xval_does_not_decode_its_token():
    with pytest.raises(ValueError, match="in the number channel"):
        encoding("xval").decode(["[NUM]"])


@many
@given(TEXTS)
def test_text_comes_back_and_numbers_are_written_anew(name, text):
    code = CODES[name]
    tokens, numbers = code.encode_text(text)
    words, found = cut(text)
    back = []
    for number in found:
        channel = code.channel([value(number)])[0] if name == "xval" else None
        back.append(write(channel if name == "xval" else code.decode(code.encode(value(number)))))
    expected = "".join(a + b for a, b in zip(words, [*back, ""], strict=True))
    assert code.decode_text(tokens, numbers) == expected
    assert len(tokens) == sum(len(w.encode()) for w in words) + code.length * len(found)
    assert tokens.dtype == np.int64
    assert numbers.dtype == np.float32
    assert (numbers[tokens != code.num] == 1).all()


@many
@given(st.text().filter(lambda text: not cut(text).numbers))
def test_text_without_numbers_comes_back_unchanged(name, text):
    code = CODES[name]
    assert code.decode_text(*code.encode_text(text)) == text


@many
def test_ordinary_text_does_not_vanish(name):
    text = "The temperature is 21.5 C"
    code = encoding(name)
    tokens, numbers = code.encode_text(text)
    assert len(tokens) == len(text) - 4 + code.length
    assert code.decode_text(tokens, numbers) == text


@many
def test_spaces_and_operators_stay(name):
    code = encoding(name)
    for text in ("a b  c\n", "3-2=1", "2023-10-04", "x12y", "0x1F", "[1,2],[3,-4]", "'5'", "+5"):
        assert code.decode_text(*code.encode_text(text)) == text


@many
def test_words_are_single_tokens_the_longest_first(name):
    code = encoding(name, words=["'a':", "'a'", "{", "\u00e9t\u00e9"])
    tokens, numbers = code.encode_text("{'a':5,\u00e9t\u00e9'a'}")
    names = code.spell(tokens)
    assert names[:2] == ["{", "'a':"]
    assert names[-4:] == ["<0x2C>", "\u00e9t\u00e9", "'a'", "<0x7D>"]
    assert code.decode_text(tokens, numbers) == "{'a':5,\u00e9t\u00e9'a'}"


def test_words_that_cannot_be_told_apart_are_refused():
    for words in (["a", "a"], [""]):
        with pytest.raises(ValueError, match="words: a word is empty or repeated"):
            encoding("xval", words=words)


def test_an_unknown_encoding_is_named():
    with pytest.raises(ValueError, match="encoding: 'p100' is none of p10, p1000"):
        encoding("p100")


@many
def test_a_hidden_number_is_as_many_masks_as_a_number_has_tokens(name):
    code = encoding(name)
    tokens, numbers = code.encode_text("{'a':[MASK],'b':2}", masks=True)
    assert (tokens == code.mask).sum() == code.length
    assert code.decode_text(tokens, numbers).count("[MASK]") == code.length
    plain = code.encode_text("{'a':[MASK]}")
    assert not (plain[0] == code.mask).any()
    assert code.decode_text(*plain) == "{'a':[MASK]}"


@text_codes
def test_number_tokens_that_say_no_number_are_shown(name):
    code = encoding(name)
    tokens, numbers = code.encode_text("=1;")
    kept = np.delete(tokens, code.length)
    text = code.decode_text(kept, np.delete(numbers, code.length))
    assert text[0] + text[-1] == "=;"
    assert text.count("[") == code.length - 1


@many
def test_the_tokens_of_a_number_know_where_it_starts(name):
    code = encoding(name)
    tokens, _ = code.encode_text("a:-60.2;0,7")
    starts, n = code.starts(tokens), code.length
    assert starts.tolist() == [0, 1, *[2] * n, 2 + n, *[3 + n] * n, 3 + 2 * n, *[4 + 2 * n] * n]
    pair = np.concatenate([code.encode_text("1")[0], code.encode_text("2")[0]])
    assert code.starts(pair).tolist() == [0] * n + [n] * n


@many
def test_settings_make_the_same_encoding_again(name):
    code = encoding(name, words=["abc"], lowest=-8, clip=True)
    for again in (Encoding(**code.settings()), pickle.loads(pickle.dumps(code))):
        assert (again.names, again.range, again.clip) == (code.names, code.range, True)
