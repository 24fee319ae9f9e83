"""The parser: what is a number, what is text, and that nothing is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xval.encodings.encoding import encoding
from xval.encodings.numbers_in_text import cut, value, write

TEXTS = st.text() | st.text("0123456789.,-+eE x_'\"[]():/\n\u2212\u0663\u00b2")

NUMBERS = [
    # signs and operators
    ("-60.2", ["-60.2"]),
    ("\u221260.2", ["\u221260.2"]),
    ("a=-2", ["-2"]),
    ("[-1,-2]", ["-1", "-2"]),
    ("3-2", ["3", "2"]),
    ("x-2", ["2"]),
    ("(1.42-8.20)", ["1.42", "8.20"]),
    ("(3)-2", ["3", "2"]),
    ("3 -2", ["3", "-2"]),
    ("3 - 2", ["3", "2"]),
    ("1--2", ["1", "-2"]),
    ("2*-3", ["2", "-3"]),
    ("+5", ["5"]),
    # points and exponents
    (".5", [".5"]),
    ("-.5", ["-.5"]),
    ("It is 5.", ["5"]),
    ("1..5", ["1", "5"]),
    ("...5", ["5"]),
    ("1e5 1E-5 6.02e+23", ["1e5", "1E-5", "6.02e+23"]),
    ("1.5e3.2", []),
    # thousands
    ("1,000", ["1,000"]),
    ("-1,234,567.5 m", ["-1,234,567.5"]),
    ("$1,000.", ["1,000"]),
    ("(1,000 people)", ["1,000"]),
    ("1,000, 2,000", ["1,000", "2,000"]),
    ("[100,200,300]", ["100", "200", "300"]),
    ("n=1,234 and Total:2,345", ["1,234", "2,345"]),
    ("{'a':1,'b':[1,234],'c':(1,5)}", ["1", "1", "234", "1", "5"]),
    # other notations, where a number stands alone
    ("1,0000", ["1,0000"]),
    ("12,5", ["12,5"]),
    ("0,05 mg, -0,5 and 0,005", ["0,05", "-0,5", "0,005"]),
    ("price 1.234,5 EUR", ["1.234,5"]),
    ("1.234.567,89 and 1.234.567.", ["1.234.567,89", "1.234.567"]),
    ("10.000,00", ["10.000,00"]),
    ("1\u00a0234\u202f567,5", ["1\u00a0234\u202f567,5"]),
    ("1 234 567", ["1", "234", "567"]),
    ("1,000.50,3", []),
    ("[1.234,5]", ["1.234", "5"]),
    # powers of ten, uncertainties
    (
        "6.02x10^23, 1.5 x 10^3 m, 2\u00d710\u207b\u2075",
        ["6.02x10^23", "1.5 x 10^3", "2\u00d710\u207b\u2075"],
    ),
    ("1.602176634(40)e-19", ["1.602176634(40)e-19"]),
    ("5.1+/-0.2", ["5.1", "0.2"]),
    ("1D-05 1.5d+03 5D", ["1D-05", "1.5d+03", "5"]),
    # units
    ("5km 21.5C 10% m/s2", ["5", "21.5", "10"]),
    # names
    ("x2 NGC1275 H2O x12y v1.2 a_1", []),
    ("3f2a 1_000 1e5_", []),
    ("1.2.3 192.168.0.1", []),
    ("007", []),
    ("0xff 0b1 0o7", []),
    ("{'1':2.5,\"3\":-4,'planet0':1}", ["2.5", "-4", "1"]),
    ("the '90s", ["90"]),
    ("Kepler-22 b, COVID-19, 2,4-D, http://x.org/5/6", []),
    ("HD 209458 b", ["209458"]),
    # dates and times
    ("2024-1-5 24-01-05 5/1/24", []),
    ("2024-01-05", []),
    ("2024-01-05T12:30:00Z 2024-01-05 12:30:59.5", []),
    ("2024/01/05 05/01/2024 5.1.2024", []),
    ("12:30", []),
    ("2024-2023", ["2024", "2023"]),
    ("1/2", ["1", "2"]),
    # not finite
    ("nan NaN inf -Infinity", []),
    # digits of other scripts belong to words
    ("\u06635 m\u00b25", []),
    ("5\u00b2", ["5"]),
]

VALUES = {
    "1.234,5": 1234.5,
    "1.234.567,89": 1234567.89,
    "1.234.567": 1234567,
    "10.000,00": 10000,
    "0,05": 0.05,
    "-12,5": -12.5,
    "0,005": 0.005,
    "1,234": 1234,
    "1\u00a0234,5": 1234.5,
    "6.02x10^23": 6.02e23,
    "1.5 x 10^3": 1500,
    "2\u00d710\u207b\u2075": 2e-5,
    "1.602176634(40)e-19": 1.602176634e-19,
    "1D-05": 1e-5,
}


@pytest.mark.parametrize(("text", "numbers"), NUMBERS)
def test_what_is_a_number_is_a_stated_policy(text, numbers):
    assert cut(text).numbers == numbers


@given(TEXTS)
def test_no_character_is_lost(text):
    assert cut(text).join() == text


@given(TEXTS)
def test_what_is_found_is_a_number(text):
    assert all(isinstance(value(number), float) for number in cut(text).numbers)


def test_values_are_those_of_the_text():
    text = "1,234.5 \u22122e-3 .5 -0"
    assert [value(number) for number in cut(text).numbers] == [1234.5, -2e-3, 0.5, 0.0]
    for text, number in VALUES.items():
        (found,) = cut(text).numbers
        assert value(found) == number


def test_a_number_that_float64_cannot_hold_is_out_of_range_and_not_zero():
    for text in ("1e-400", "-1e-400", "1e400"):
        with pytest.raises(ValueError, match="out of range"):
            encoding("xval").encode_text(text)
    _, numbers = encoding("xval", clip=True).encode_text("0.0 0e5 -1e-400")
    assert numbers[numbers != 1].tolist() == [0, 0, 0]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_is_written_is_found_again(number):
    (found,) = cut(f"at {write(number)} K").numbers
    assert value(found) == number


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_single_precision_has_the_digits_of_single_precision(number):
    text = write(np.float32(number))
    assert np.float32(value(text)) == np.float32(number)
    assert len(text) <= 15


def test_numpy_does_not_leave_its_name_in_a_text():
    assert write(np.float64(1.94)) == "1.94"
    assert write(np.float32(-60.2)) == "-60.2"
    assert write(5.0) == "5"
