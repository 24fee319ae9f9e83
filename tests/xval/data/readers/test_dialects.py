"""Dialects and troubles of public tables: each is read right without an option, or refused."""

import gzip
import re
from pathlib import Path

import pytest

from xval.data.readers.open import open_table
from xval.simulate.text import Verbatim

NUMBERS, WORDS = [1.5, 2.5, 3.5], ["x", "y", "x"]
PLAIN = "a,b,c\n1,1.5,x\n2,2.5,y\n3,3.5,x\n"
READ_PLAIN = {"a": [1, 2, 3], "b": NUMBERS, "c": WORDS}
GERMAN = {"a": [1, 2, 3], "b": NUMBERS}
EXPONENTS = [1e-5, 2.5e3, 6.02e23]
COUNTRIES = ["NA", "DE", "FR", "IT", "ES", "PT", "NL", "BE", "AT", "CH", "PL", "SE"]

# name -> content, and the columns that are to be found; texts are quoted below
READ: dict[str, tuple[str | bytes, dict[str, list]]] = {
    "plain": (PLAIN, READ_PLAIN),
    "semicolons": (PLAIN.replace(",", ";"), READ_PLAIN),
    "tabs": (PLAIN.replace(",", "\t"), READ_PLAIN),
    "bars": (PLAIN.replace(",", "|"), READ_PLAIN),
    "spaces": ("  a   b\n  1 1.5\n 2   2.5\n 3 3.5\n", GERMAN),
    "windows lines": (PLAIN.replace("\n", "\r\n"), READ_PLAIN),
    "old mac lines": (PLAIN.replace("\n", "\r"), READ_PLAIN),
    "no last line end": (PLAIN.rstrip("\n"), READ_PLAIN),
    "blank lines": (PLAIN.replace("\n", "\n\n"), READ_PLAIN),
    "byte order mark": ("\ufeff" + PLAIN, READ_PLAIN),
    "utf-16": (PLAIN.encode("utf-16"), READ_PLAIN),
    "utf-16 big, without mark": (PLAIN.encode("utf-16-be"), READ_PLAIN),
    "utf-32": (PLAIN.encode("utf-32"), READ_PLAIN),
    "latin-1": ("n,a\nJ\xf6rg,1\nZo\xeb,2\n".encode("latin-1"), {"n": ["J\xf6rg", "Zo\xeb"]}),
    "windows": (
        "n,a\n5 \u20ac,1\n\u201cx\u201d,2\n".encode("cp1252"),
        {"n": ["5 \u20ac", "\u201cx\u201d"]},
    ),
    "gzip": (gzip.compress(PLAIN.encode()), READ_PLAIN),
    "decimal commas": ("a;b\n1;1,5\n2;2,5\n3;3,5\n", GERMAN),
    "decimal commas, quoted": ('a,b\n1,"1,5"\n2,"2,5"\n3,"3,5"\n', GERMAN),
    "decimal commas, tabs": ("a\tb\n1\t1,5\n2\t2,5\n3\t3,5\n", GERMAN),
    "commas in names and numbers": (
        "a, m;b, kg\n1,5;2\n2,5;3\n",
        {"a, m": [1.5, 2.5], "b, kg": [2, 3]},
    ),
    "thousands": ('a,b\n1,"1,234"\n2,"12,345,678.5"\n3,7\n', {"b": [1234, 12345678.5, 7]}),
    "thousands alone": ('a,b\n1.5,"1,234"\n2,"5,678"\n', {"b": [1234, 5678]}),
    "european thousands": ("a;b\n1;1.234,5\n2;12.345.678\n3;7\n", {"b": [1234.5, 12345678, 7]}),
    "european by its neighbor": ("a;b\n0,5;1.234\n1,5;5.678\n", {"b": [1234, 5678]}),
    "three decimals": ("a,b\n1,1.234\n2,5.678\n", {"b": [1.234, 5.678]}),
    "three decimals, above 1000": ("a,b\n1,1.234\n2,4567\n", {"b": [1.234, 4567]}),
    "spaces as thousands": ("a,b\n1,1 234\n2,12\u00a0345.5\n", {"b": [1234, 12345.5]}),
    "swiss thousands": ("a,b\n1,1'234.50\n2,2'345.75\n", {"b": [1234.5, 2345.75]}),
    "NA first": ("a,b\n1,NA\n2,2\n", {"b": [None, 2]}),
    "markers": (
        "a,b\n1,N/A\n2,NULL\n3,-\n4,?\n5,None\n6,nan\n7,--\n8,1\n9,\n",
        {"b": [None] * 7 + [1, None]},
    ),
    "spreadsheet errors": ("a,b\n1,#N/A\n2,#DIV/0!\n3,5\n", {"b": [None, None, 5]}),
    "a marker among words": ("a,b\n1,red\n2,NA\n3,red\n", {"b": ["red", None, "red"]}),
    "Namibia": ("c,a\n" + "".join(f"{c},1\n" for c in COUNTRIES), {"c": COUNTRIES}),
    "index of pandas": (",a,b\n0,1,1.5\n1,2,2.5\n2,3,3.5\n", GERMAN),
    "shuffled index": (",a,b\n17,1,1.5\n3,2,2.5\n8,3,3.5\n", GERMAN),
    "index, written twice": ("Unnamed: 0,a,b\n0,1,1.5\n1,2,2.5\n2,3,3.5\n", GERMAN),
    "names of rows": (
        ',a\n"Mazda RX4",1\n"Fiat 128",2\n',
        {"column 1": ["Mazda RX4", "Fiat 128"], "a": [1, 2]},
    ),
    "R's table": ('a b\n"1" 1 1.5\n"2" 2 2.5\n"3" 3 3.5\n', GERMAN),
    "a name twice": ("a,a,b\n1,2,3\n4,5,6\n", {"a": [1, 4], "a.1": [2, 5], "b": [3, 6]}),
    "separator at the end": ("a,b,\n1,1.5,\n2,2.5,\n3,3.5,\n", GERMAN),
    "empty columns of a sheet": ("a,b,,\n1,1.5,,\n2,2.5,,\n3,3.5,,\n,,,\n", GERMAN),
    "spaces around": ("a , b\n 1, 1.5 \n2 ,2.5\n3,3.5\n", GERMAN),
    "quotes": (
        'a,"b, ""x"""\n"1","say ""hi"", it\'s"\n2,y\n',
        {"a": [1, 2], 'b, "x"': ['say "hi", it\'s', "y"]},
    ),
    "lines in a cell": ('a,b\n"one\ntwo",1\nx,2\n', {"a": ["one\ntwo", "x"], "b": [1, 2]}),
    "comments": ("# by me\n# in 2020\na,b\n1,1.5\n# not this\n2,2.5\n3,3.5\n", GERMAN),
    "names in a comment": ("# a b\n1.0 1.5\n2.0 2.5\n3.0 3.5\n", GERMAN),
    "a title": ("My table\n\na,b\n1,1.5\n2,2.5\n3,3.5\n", GERMAN),
    "a source below": ("a,b\n1,1.5\n2,2.5\n3,3.5\nSource: the bureau\n", GERMAN),
    "short rows": ("a,b,c\n1,2,3\n4,5\n", {"a": [1, 4], "b": [2, 5], "c": [3, None]}),
    "one column": ("b\n1.5\n2.5\n3.5\n", {"b": NUMBERS}),
    "one column of sentences": (
        "b\none, two\nthree\nfour, five, six\n",
        {"b": ["one, two", "three", "four, five, six"]},
    ),
    "years as names": ("c,1990,1991\nx,1,2\ny,3,4\n", {"1990": [1, 3], "1991": [2, 4]}),
    "percent": ("a,b\n1,1.5%\n2,2.5%\n3,3.5%\n", GERMAN),
    "money": ('a,b\n1,"$1,234.50"\n2,$2\n', {"b": [1234.5, 2]}),
    "plus, bare points": ("a,b\n+1,.5\n2.,-.25\n", {"a": [1, 2], "b": [0.5, -0.25]}),
    "a true minus": ("a,b\n\u22121,\u22120.5\n2,1\n", {"a": [-1, 2], "b": [-0.5, 1]}),
    "exponents": ("b\n1e-5\n2.5E+3\n6.02e23\n", {"b": EXPONENTS}),
    "Fortran": ("b\n1D-05\n2.5D+03\n6.02D23\n", {"b": EXPONENTS}),
    "powers of ten": ("b\n1x10^-5\n2.5 x 10^3\n6.02*10^23\n", {"b": EXPONENTS}),
    "post codes": ("z,a\n02134,1\n90210,2\n", {"z": ["02134", "90210"]}),
    "large identifiers": (
        "id,a\n1237648720693755918,1\n1237648720693755919,2\n",
        {"id": ["1237648720693755918", "1237648720693755919"]},
    ),
    "identifiers that float32 merges": (
        "id,a\n20000000,1\n20000001,2\n",
        {"id": ["20000000", "20000001"]},
    ),
    "large counts": ("n,a\n331449281,1\n38300000,2\n", {"n": [331449281, 38300000]}),
    "names with digits": (
        "n,a\nKepler-20 b,1\nHD 209458 b,2\n",
        {"n": ["Kepler-20 b", "HD 209458 b"]},
    ),
    "versions": ("n,a\n1.2.3,1\n4.5.6,2\n", {"n": ["1.2.3", "4.5.6"]}),
    "coordinates": ("n,a\n52.5N 13.4E,1\n48.1N 11.6E,2\n", {"n": ["52.5N 13.4E", "48.1N 11.6E"]}),
    "dates": ("d,a\n2014-7-1,1\n2014-12-31,2\n", {"d": ["2014-7-1", "2014-12-31"]}),
    "compact dates": ("d,a\n20140701,1\n20141231,2\n", {"d": ["20140701", "20141231"]}),
    "american dates": ("d,a\n7/1/14,1\n12/31/14,2\n", {"d": ["7/1/14", "12/31/14"]}),
    "times": ("d,a\n12:30,1\n13:45,2\n", {"d": ["12:30", "13:45"]}),
    "years": ("d,a\n2014,1\n2015,2\n", {"d": [2014, 2015]}),
    "truth": ("t,a\nTrue,1\nFalse,2\n", {"t": ["True", "False"]}),
    "an empty column": ("a,e,b\n1,,1.5\n2,,2.5\n3,,3.5\n", GERMAN | {"e": [None] * 3}),
    "a thousand columns": (
        "\n".join(",".join(f"{row}{n}" for n in range(1000)) for row in ("c", "1.", "2.")),
        {f"c{n}": [float(f"1.{n}"), float(f"2.{n}")] for n in range(1000)},
    ),
    "one name, and it again with a number": (
        "a,a,a.1,a,b\n1,2,3,4,5\n6,7,8,9,10\n",
        {"a": [1, 6], "a.2": [2, 7], "a.1": [3, 8], "a.3": [4, 9], "b": [5, 10]},
    ),
    "a cell of two lines": ('a,b\nx,"1\ny"\nz,2\n', {"a": ["x", "z"]}),
    "mixed": ("m,a\n1,1\nx4,2\n3,3\n", {"m": ["1", "x4", "3"]}),
}

REFUSED: dict[str, tuple[str | bytes, str]] = {
    "thousands or decimals": ("a;b\n1;1.234\n2;5.678\n", "column 'b': '1.234' is 1.234 or 1234: "),
    "with smaller ones": (
        "a,b\n1,1.234\n2,567\n",
        "column 'b': '1.234' is 1.234 or 1234: say decimal",
    ),
    "tabs and commas": ("a\tb\n1\t1,234\n2\t5,678\n", "column 'b': '1,234' is 1234 or 1.234: "),
    "no names": ("5.1,3.5\n4.9,3.0\n", "row 1: '5.1' and the others are no names; names: [...] "),
    "a cell too many": ("a,b\n1,2\n1,2,9\n", "row 3: column 3: '9' is below no name"),
    "many too many": (
        "a,b\n" + "1,2\n" * 600 + "1,2,3,4,5\n",
        "row 602: 5 values are more than 2 ",
    ),
    "open quote": ('a,b\n1,"2\n', "row 2: a quote is not closed"),
    "empty": ("", "the file is empty"),
    "only names": ("a,b\n", "there are no rows below the names of the columns"),
    "a workbook": (b"PK\x03\x04abc", "b'PK\\x03\\x04' starts no text; save the table as CSV"),
    "zeros": (b"a,b\n1,2\n\0\0\0\0", "holds zero bytes: it is no text"),
    "a long cell": ("a,b\n1," + "x" * 200_000 + "\n", "field larger than field limit (131072)"),
    "too wide": ("a" + ",1" * 20_000 + "\n", "20001 columns are more than 16384"),
}


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "my.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path):
    table = open_table(path)
    return {name: table.values(name) for name in table.columns}


@pytest.mark.parametrize("case", READ)
def test_a_dialect_is_read_without_an_option(case, tmp_path):
    content, wanted = READ[case]
    table = open_table(write(tmp_path, content))
    if wanted is READ_PLAIN or wanted is GERMAN:
        assert table.columns == list(wanted)
    for name, values in wanted.items():
        found = table.values(name)
        read = [float(each.text) if isinstance(each, Verbatim) else each for each in found]
        assert read == values
        assert [type(each) for each in read] == [
            float if type(x) is int else type(x) for x in values
        ]


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_be_read_in_two_ways_or_not_at_all_is_refused(case, tmp_path):
    content, message = REFUSED[case]
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match="^" + re.escape(f"{path}: {message}")) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_name_that_would_make_every_text_long_is_refused(tmp_path):
    (tmp_path / "a.tsv").write_text(f"a\t{'9' * 100_000}\n1\t2\n3\t4\n")
    with pytest.raises(ValueError, match=r"a\.tsv: column '9{20}'\.\.\.: a name of 100000 char"):
        open_table(tmp_path / "a.tsv")
