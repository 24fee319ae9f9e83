import ast
import re

import pandas as pd
import pytest

from xval.data.datamodule import TextData
from xval.data.marked import Marked, marked
from xval.data.rows import read_rows

pytestmark = pytest.mark.filterwarnings("ignore:.*my.csv")


def write(folder, content, name="my.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path, **options):
    """All texts of a file, and its labels."""
    rows = read_rows(path, **options)
    found = rows.texts(0, len(rows.lines))
    return [marked(text).cut.join() for text in found.texts], found.labels


def test_a_row_is_a_text_with_its_numbers_as_they_are_written(tmp_path):
    path = write(tmp_path, 'name,mass,note\nX1,1.50,"say ""hi"", it\'s"\nY2,-3e-07,\n')
    texts, labels = read(path)
    assert texts == [
        "{'name':'X1','mass':1.50,'note':'say \"hi\", it\\'s'}",
        "{'name':'Y2','mass':-3e-07}",
    ]
    assert labels == {"id": texts}
    assert read_rows(path).lines.tolist() == [2, 3]
    assert ast.literal_eval(texts[0])["note"] == 'say "hi", it\'s'


def test_columns_are_chosen_and_put_in_order(tmp_path):
    path = write(tmp_path, "a\tb\tc\td\n1\t2\t3\tk\n", "my.tsv")
    assert read(path, columns=["c", "a"], text=["a"])[0] == ["{'c':3,'a':'1'}"]
    texts, labels = read(path, id="d", labels=["b"])
    assert texts == ["{'a':1,'c':3}"]
    assert labels == {"b": ["2"], "id": ["k"]}


def test_a_column_that_is_not_chosen_may_hold_anything(tmp_path):
    path = write(tmp_path, "a;junk;b\n1;1.234;2\n3;5.678;4\n")
    with pytest.raises(ValueError, match=r"column 'junk': '1.234' is 1.234 or 1234: say decimal"):
        read(path)
    assert read(path, columns=["a", "b"])[0] == ["{'a':1,'b':2}", "{'a':3,'b':4}"]
    assert read(path, decimal=",")[0][0] == "{'a':1,'junk':1234,'b':2}"
    assert read(path, types={"junk": "text"})[0][0] == "{'a':1,'junk':'1.234','b':2}"


def test_a_column_is_a_field_whatever_its_name(tmp_path):
    names = ["Sensor 1", "Sensor 2", "price.usd", "weight.usd", "1990", "x[0]", "it's"]
    path = write(tmp_path, ",".join(names) + "\n" + "\n".join(["1,2,3,4,5,6,7"] * 2) + "\n")
    (text, _) = read_rows(path).texts(0, 2).texts
    assert isinstance(text, Marked)
    assert text.names == text.fields == tuple(names)
    assert text.cut.numbers == list("1234567")
    data = TextData(files=[str(path)], answers=["Sensor 2"], splits=ALL, context=99)
    data.setup()
    data.check()
    assert data.fields == ["", *names]
    assert data.train_numbers().asked.tolist() == [-1, 0, -1, -1, -1, -1, -1] * 2


def test_digits_of_a_text_are_no_numbers_unless_it_is_prose(tmp_path):
    path = write(tmp_path, "name,a\nKepler-20 b has 5 C,1\nC1=CC=CC=C1,2\n")
    first, _ = read_rows(path).texts(0, 2).texts
    assert first.cut.numbers == ["1"]
    first, _ = read_rows(path, types={"name": "prose"}).texts(0, 2).texts
    assert first.cut.numbers[-2:] == ["5", "1"]
    assert first.fields[-2:] == ("name", "a")


def test_json_lines_are_texts_as_they_are(tmp_path):
    lines = '{"a": 1.50, "b": [2e3, {"c": null}], "d": "x y"}\n\n{"b": true}\n"a = 3"\n'
    path = write(tmp_path, lines, "my.jsonl")
    assert read(path)[0] == ["{'a':1.50,'b':[2e3,{'c':None}],'d':'x y'}", "{'b':True}", "a = 3"]
    assert read_rows(path).lines.tolist() == [1, 3, 4]
    nested, *_ = read_rows(path).texts(0, 1).texts
    assert nested.names == ("a", "b.0")
    assert nested.fields == ("a", "b")
    texts, labels = read(
        write(tmp_path, '{"a": 1, "b": 2, "n": 7}\n', "my.ndjson"), columns=["b"], id="n"
    )
    assert texts == ["{'b':2}"]
    assert labels == {"id": ["7"]}


@pytest.mark.parametrize(
    "content",
    [
        '[{"a": 1, "b": "x"}, {"a": null, "b": "y"}]',
        '{"data": [{"a": 1, "b": "x"}, {"a": NaN, "b": "y"}]}',
        '{"a": [1, null], "b": ["x", "y"]}',
        '{"a": {"0": 1, "1": null}, "b": {"0": "x", "1": "y"}}',
        '{"a": 1, "b": "x"}\n{"a": "NA", "b": "y"}\n',
    ],
)
def test_json_of_any_layout_is_a_table(content, tmp_path):
    assert read(write(tmp_path, content, "my.json"))[0] == ["{'a':1,'b':'x'}", "{'b':'y'}"]


def test_tables_with_types_of_their_own_are_read_by_these(tmp_path):
    frame = pd.DataFrame(
        {
            "a": [1.5, None],
            "s": pd.Series([0.1, 2.0], dtype="float32"),
            "n": pd.Series([1237648720693755918, 2], dtype="int64"),
            "code": ["007", "1.5"],
            "t": [True, False],
            "day": pd.to_datetime(["2014-07-01", "2014-07-02"]),
            "list": [[1, 2.5], []],
        }
    )
    wanted = [
        "{'a':1.5,'s':0.1,'n':1237648720693755918,'code':'007','t':'True',"
        "'day':'2014-07-01T00:00:00','list':[1,2.5]}",
        "{'s':2,'n':2,'code':'1.5','t':'False','day':'2014-07-02T00:00:00','list':[]}",
    ]
    assert read(frame)[0] == wanted
    frame.to_parquet(tmp_path / "my.parquet")
    frame.to_feather(tmp_path / "my.feather")
    assert read(tmp_path / "my.parquet")[0] == wanted
    assert read(tmp_path / "my.feather")[0] == wanted
    data = TextData(files=[{"path": frame, "columns": ["a", "s"]}], splits=ALL)
    data.setup()
    assert data.hparams["files"] == [
        {"path": "DataFrame", "columns": ["a", "s"], "types": {"a": "number", "s": "number"}}
    ]


def test_a_checkpoint_keeps_the_layout_of_a_table(tmp_path):
    path = write(tmp_path, "d,a,c\n1/31/2014,1,x\n2/1/2014,2,y\n")
    data = TextData(files=[str(path)])
    (entry,) = data.hparams["files"]
    assert entry == {
        "path": str(path),
        "columns": ["d", "a", "c"],
        "types": {"d": "%m/%d/%Y", "a": "number", "c": "text"},
    }
    other = write(tmp_path, "c,a,d\n7,1e3,2/2/2014\n", "other.csv")
    assert read(other, columns=entry["columns"], types=entry["types"])[0] == [
        "{'d':'2/2/2014','a':1e3,'c':'7'}"
    ]


def test_a_column_that_is_text_in_one_file_is_text_in_all(tmp_path):
    write(tmp_path, "a,b\n1,2\n", "1.csv")
    write(tmp_path, "a,b\n1,x\n", "2.csv")
    with pytest.warns(UserWarning, match="text in some files, so in all: b"):
        data = TextData(files=[str(tmp_path / "[12].csv")])
    texts = [source.texts(0, 1).texts[0].cut.join() for source in data.sources]
    assert texts == ["{'a':1,'b':'2'}", "{'a':1,'b':'x'}"]


ALL = {"train": 1.0, "val": 0.0, "test": 0.0}
BAD = {
    "text among numbers": ("a,b\n1,2\n3,x4\n", "row 3: column 'b': 'x4' is no number"),
    "not a number": ("a,b\n1,2\ninf,4\n", "row 3: column 'a': 'inf' is no number"),
    "leading zeros": ("a\n1\n007\n", "row 3: column 'a': '007' is no number"),
    "behind a cell of two lines": (
        'a,b,c\n1,2,"x\ny"\n1,x,z\n',
        "row 4: column 'b': 'x' is no number",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_cell_that_is_no_number_is_named_where_numbers_are_asked_for(case, tmp_path):
    content, message = BAD[case]
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {message}')}$"):
        read(path, types={"a": "number", "b": "number"} if "b" in content else {"a": "number"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": }\n', "row 2: not JSON: Expecting value: line 1 column 7 (char 6)"),
        ('{"a": Infinity}\n', "row 1: not JSON: Infinity is no number"),
        ('{"a": 1}\n[2]\n', "row 2: neither an object nor a string"),
        ("\n", "the file is empty"),
        ("[" * 100_000, "row 1: not JSON: "),
    ],
)
def test_what_is_wrong_with_json_is_said_in_one_line(content, message, tmp_path):
    path = write(tmp_path, content, "my.jsonl")
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {message}')}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_columns_and_kinds_of_files_that_are_unknown_are_named(tmp_path):
    path = write(tmp_path, "alpha,b\n1,2\n")
    message = f"{path}: no column 'alfa'; it has alpha, b; similar: alpha"
    for options in (
        {"columns": ["b", "alfa"]},
        {"id": "alfa"},
        {"labels": ["alfa"]},
        {"text": ["alfa"]},
        {"types": {"alfa": "number"}},
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            read_rows(path, **options)
    for options, message in (
        ({"types": {"b": "float"}}, "types: b: 'float' is none of number, date, text, "),
        ({"decimal": "'"}, 'decimal: "\'" is none of '),
        ({"encoding": "utf9"}, "encoding: unknown encoding: utf9"),
    ):
        with pytest.raises(ValueError, match="^" + re.escape(message)):
            read_rows(path, **options)
    with pytest.raises(ValueError, match=r"my\.xlsx: save the sheet as CSV"):
        read_rows(write(tmp_path, "", "my.xlsx"))
    with pytest.raises(ValueError, match=r"none\.csv: no such file$"):
        read_rows(tmp_path / "none.csv")
    path = write(tmp_path, "a,b\n1,x\n2,\n")
    with pytest.raises(ValueError, match="row 3: column 'b': no value"):
        read(path, labels=["b"])
