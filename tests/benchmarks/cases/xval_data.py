"""xVal's data: encodings, tables, stations and shards, batches, and what simulates."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from case import Call, Case, Pass
from files import once, own
from parts import XVAL

ROWS = 120
WIDE = 2000  # columns
WORDS = ["{'a':", ",'data':[[", "],[", "]]}", ","]
STATION = {"target": "mean", "columns": ["low", "high"], "known": ["normal"], "history": 7}


def write_texts(folder: Path) -> None:
    for name, count in (("planets", 12), ("orbits", 100)):
        some = XVAL.SETS[name].simulate(0, count).texts
        lines = [json.dumps(text) for text in some]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def texts(count: int = 6) -> list[str]:
    """Planets: three of five tokens are numbers."""
    with (once("xval-texts", write_texts) / "planets.jsonl").open() as lines:
        return [json.loads(line) for line in lines][:count]


def encode(name: str) -> Case:
    """The text as it comes; the pieces between its numbers are kept after the first call."""

    def make(kind: Pass) -> Call:
        some = texts()
        code = XVAL.Encoding(name, XVAL.frequent_words(some), clip=True)
        return lambda: [code.encode_text(text) for text in some]

    return Case(make)


def decode(kind: Pass) -> Call:
    code = XVAL.Encoding("p1000", clip=True)
    some = [code.encode_text(text) for text in texts(2)]
    return lambda: [code.decode_text(*each) for each in some]


def words(kind: Pass) -> Call:
    some, frequent_words = texts(12), XVAL.frequent_words
    return lambda: frequent_words(some)


def cut(kind: Pass) -> Call:
    some, cut = texts(), XVAL.cut
    return lambda: [cut(text) for text in some]


def write_tables(folder: Path) -> None:
    rows = [
        {"id": f"g{n}", "mass": 1.5 * n, "z": n / 1000, "kind": "spiral" if n % 3 else "none"}
        for n in range(ROWS)
    ]
    header = ",".join(rows[0])
    lines = [",".join(str(value) for value in row.values()) for row in rows]
    (folder / "galaxies.csv").write_text("\n".join([header, *lines]) + "\n")
    pq.write_table(pa.Table.from_pylist(rows), folder / "galaxies.parquet")
    lines = [json.dumps(row | {"near": [n, -n, 0.5 * n]}) for n, row in enumerate(rows)]
    (folder / "galaxies.jsonl").write_text("\n".join(lines) + "\n")
    wide = [",".join(f"{kind}{n}" for n in range(WIDE)) for kind in ("c", "1.", "2.", "3.")]
    (folder / "wide.csv").write_text("\n".join(wide) + "\n")
    days = [f"2014-{1 + n // 28}-{1 + n % 28}" for n in range(ROWS)]
    lines = [f"{day},{60 + n % 9},{50 + n % 7},{70 + n % 5},61" for n, day in enumerate(days)]
    (folder / "KAAA.csv").write_text("\n".join(["date,mean,low,high,normal", *lines]) + "\n")


def reader(file: str, **options) -> Case:
    """Read a file, and all its texts."""

    def make(kind: Pass) -> Call:
        open_files = XVAL.open_files
        entry = {"path": str(once("xval-tables", write_tables) / file), **options}

        def call() -> int:
            (source,) = open_files(entry, "id")
            return len(source.texts(0, source.size).texts)

        return call

    return Case(make)


def shards(kind: Pass) -> Call:
    folder = own() / "shards"
    XVAL.simulate(str(folder), shards=2, set="orbits", samples=128)
    open_shards = XVAL.open_shards
    return lambda: open_shards(str(folder)).texts(0, 128)


def corpus(encoding: str) -> Case:
    """Cut, name and encode what a training holds in memory."""

    def make(kind: Pass) -> Call:
        folder = once("xval-texts", write_texts)
        data = XVAL.TextData

        def call() -> None:
            entry = {"path": str(folder / "orbits.jsonl"), "answers": ["a"]}
            data(files=[entry], encoding=encoding, clip=True, words=WORDS).setup()

        return call

    return Case(make)


def loader(encoding: str, **options) -> Case:
    """An epoch: batches of about one length, padded, with what is hidden in them."""

    def make(kind: Pass) -> Call:
        sets = [{"set": name, "count": 192, "split": "train"} for name in ("orbits", "trees")]
        source = XVAL.TextData(sets, encoding=encoding, clip=True, batch_size=64, **options)
        source.setup()
        train = source.train_dataloader()
        return lambda: sum(int(batch.lengths.sum()) for batch in train)

    return Case(make)


def simulator(name: str, count: int) -> Case:
    def make(kind: Pass) -> Call:
        found = XVAL.SETS[name]
        return lambda: found.simulate(0, count)

    return Case(make, memory=())


CASES = {
    "xval encode_text": encode("xval"),
    "xval encode_text p1000": encode("p1000"),
    "xval decode_text": Case(decode),
    "xval frequent words": Case(words),
    "xval cut": Case(cut),
    "xval reader CSV": reader("galaxies.csv", id="id"),
    "xval reader CSV of many columns": reader("wide.csv", columns=["c1", "c2"]),
    "xval reader JSON": reader("galaxies.jsonl", id="id"),
    "xval reader parquet": reader("galaxies.parquet", id="id"),
    "xval reader station": reader("KAAA.csv", **STATION),
    "xval reader shards": Case(shards),
    "xval corpus": corpus("xval"),
    "xval corpus p1000": corpus("p1000"),
    "xval loader": loader("xval"),
    "xval loader p1000": loader("p1000", ask=0.5),
    "xval planets": simulator("planets", 1),
    "xval orbits": simulator("orbits", 100),
    "xval temperature": simulator("temperature", 16),
    "xval products": simulator("products", 500),
    "xval trees": simulator("trees", 200),
    "xval multiplication": simulator("multiplication", 1000),
}
