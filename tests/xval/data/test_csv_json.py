import ast
import re

import pytest

from xval.data.csv_json import read_rows


def write(folder, content, name="my.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_row_is_a_text_with_its_numbers_as_they_are_written(tmp_path):
    path = write(tmp_path, 'name,mass,note\nX1,1.50,"say ""hi"", it\'s"\nY2,-3e-07,\n')
    found = read_rows(path)
    assert found.texts.texts == [
        "{'name':'X1','mass':1.50,'note':'say \"hi\", it\\'s'}",
        "{'name':'Y2','mass':-3e-07}",
    ]
    assert found.texts.labels == {"id": found.texts.texts}
    assert found.lines == [2, 3]
    assert ast.literal_eval(found.texts.texts[0])["note"] == 'say "hi", it\'s'


def test_columns_are_chosen_and_put_in_order(tmp_path):
    path = write(tmp_path, "a\tb\tc\td\n1\t2\t3\tk\n", "my.tsv")
    assert read_rows(path, ["c", "a"], text=["a"]).texts.texts == ["{'c':3,'a':'1'}"]
    found = read_rows(path, id="d", labels=["b"])
    assert found.texts.texts == ["{'a':1,'c':3}"]
    assert found.texts.labels == {"b": ["2"], "id": ["k"]}


def test_a_file_of_another_program_is_read(tmp_path):
    path = write(tmp_path, '\ufeffx, y \r\n+1.," 2"\r\n\r\n.5,3\r\n')
    found = read_rows(path)
    assert found.texts.texts == ["{'x':1,'y':2}", "{'x':.5,'y':3}"]
    assert found.lines == [2, 4]


def test_the_line_is_that_of_the_file_where_a_value_has_several(tmp_path):
    path = write(tmp_path, 'a,b\n"one\ntwo",1\nx,y\n')
    with pytest.raises(ValueError, match=r"row 4: column 'b': 'y' is no number"):
        read_rows(path)


def test_json_lines_are_texts_as_they_are(tmp_path):
    lines = '{"a": 1.50, "b": [2e3, {"c": null}], "d": "x y"}\n\n{"b": true}\n"a = 3"\n'
    found = read_rows(write(tmp_path, lines, "my.jsonl"))
    assert found.texts.texts == ["{'a':1.50,'b':[2e3,{'c':None}],'d':'x y'}", "{'b':True}", "a = 3"]
    assert found.lines == [1, 3, 4]
    chosen = read_rows(write(tmp_path, '{"a": 1, "b": 2, "n": 7}\n', "my.ndjson"), ["b"], id="n")
    assert chosen.texts.texts == ["{'b':2}"]
    assert chosen.texts.labels == {"id": ["7"]}


BAD = {
    "text among numbers": ("a,b\n1,2\n3,x4\n", "row 3: column 'b': 'x4' is no number"),
    "not a number": ("a,b\n1,2\nnan,4\n", "row 3: column 'a': 'nan' is no number"),
    "an identifier": ("a\n1\n007\n", "row 3: column 'a': '007' is no number"),
    "too few": ("a,b,c\n1,2,3\n1,2\n", "row 3: column 'c': no value"),
    "too many": ("a,b\n1,2\n1,2,9\n", "row 3: column 3: '9' is below no name"),
    "empty": ("", "the file is empty"),
    "only names": ("a,b\n", "there are no rows below the names of the columns"),
    "no name": ("a,,c\n1,2,3\n", "row 1: column 2 has no name"),
    "a name twice": ("a,b,a\n1,2,3\n", "row 1: column 'a' is there twice"),
    "latin-1": (b"a,b\n1,2\nJ\xf6rg,3\n", r"row 3: b'\xf6' is not UTF-8"),
    "open quote": ('a,b\n1,"2\n', "row 2: unexpected end of data"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_a_file_is_said_in_one_line(case, tmp_path):
    content, message = BAD[case]
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {message}')}$"):
        read_rows(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": }\n', "row 2: not JSON: Expecting value: line 1 column 7 (char 6)"),
        ('{"a": NaN}\n', "row 1: not JSON: NaN is no number"),
        ('{"a": 1}\n[2]\n', "row 2: neither an object nor a string"),
        ("\n", "the file is empty"),
        ("[" * 100_000, "row 1: not JSON: "),
    ],
)
def test_what_is_wrong_with_json_is_said_in_one_line(content, message, tmp_path):
    path = write(tmp_path, content, "my.jsonl")
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {message}')}") as caught:
        read_rows(path)
    assert "\n" not in str(caught.value)


def test_columns_and_kinds_of_files_that_are_unknown_are_named(tmp_path):
    path = write(tmp_path, "a,b\n1,2\n")
    message = f"{path}: no column 'c'; it has a, b"
    for options in ({"columns": ["a", "c"]}, {"id": "c"}, {"labels": ["c"]}, {"text": ["c"]}):
        with pytest.raises(ValueError, match=re.escape(message)):
            read_rows(path, **options)
    with pytest.raises(ValueError, match=r"'\.xlsx' is none of \.csv, \.tsv, \.jsonl, \.ndjson"):
        read_rows(write(tmp_path, "", "my.xlsx"))
    with pytest.raises(ValueError, match=r"none\.csv: no such file$"):
        read_rows(tmp_path / "none.csv")
    path = write(tmp_path, "a,b\n1,x\n2,\n")
    with pytest.raises(ValueError, match="row 3: column 'b': no value"):
        read_rows(path, labels=["b"])
