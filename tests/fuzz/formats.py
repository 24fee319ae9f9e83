"""Changes of files that hardly come about by changing bytes: each format's writer makes them."""

import gzip
import json
import struct
import zipfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from mutations import NUMBERS, changed, damaged, one_file

from astroclip.data.readers.fits_sizes import check_sizes
from sciformer.data.shards.index import seal

# NumPy's files, and other zips


DTYPES = (
    "'|O'",
    "'<f4'",
    "'<U99999999'",
    "'<V8'",
    "'z'",
    "[('a', '<f4')]",
    "'<M8[s]'",
    "1",
    "'|S0'",
)


def npy_header(raw, random):
    """Change the text in front of an array; its length is right again."""
    length = int.from_bytes(raw[8:10], "little")
    text, rest = raw[10 : 10 + length].decode("latin1"), raw[10 + length :]
    kind = random.randrange(6)
    if kind == 0:
        numbers = text[text.index("(") + 1 : text.index(")")]
        shape = random.choices((*NUMBERS, 10**400), k=random.choice((1, 2, 70)))
        text = text.replace(f"({numbers})", str(tuple(shape)))
    elif kind == 1:
        start, stop = text.index(": ") + 2, text.index(",")
        text = text[:start] + random.choice(DTYPES) + text[stop:]
    elif kind == 2:
        text = text.replace("False", random.choice(("True", "0", "None", "(" * 99)))
    elif kind == 3:
        text = random.choice(
            ("", "{", "(" * 1900, "{'descr': 'f4'}", "\x00" * 50, "'" * 99, "[" * 1000)
        )
    elif kind == 4:
        text = damaged(text.encode("latin1"), random).decode("latin1")
    else:
        rest = rest[: random.randrange(len(rest) + 1)] if rest else rest
    head = text.encode("latin1")[:65535]
    version = random.choice((b"\x01\x00", b"\x01\x00", b"\x01\x00", b"\x02\x00", b"\x09\x00"))
    size = struct.pack("<I" if version[0] != 1 else "<H", len(head))
    return raw[:6] + version + size + head + rest


def npy(folder, random):
    """Change a .npy file."""
    path = one_file(folder, random, "*.npy")
    path.write_bytes(npy_header(path.read_bytes(), random))


def zipped(folder, random, *patterns, change=npy_header):
    """Change members of a zip: contents, names, number and compression; or its tables."""
    path = one_file(folder, random, *patterns)
    with zipfile.ZipFile(path) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    at, kind = random.randrange(len(members)), random.randrange(8)
    name, data = members[at]
    method = zipfile.ZIP_STORED
    if kind <= 2 and data.startswith(b"\x93NUMPY"):
        members[at] = name, change(data, random)
    elif kind <= 3:
        members[at] = name, damaged(data, random)
    elif kind == 4:
        name = random.choice(("", "x", f"{name}.npy", "../x.npy", "flux.npy", name[1:]))
        members[at] = name, data
    elif kind == 5:
        members += members[at : at + 1] if random.random() < 0.5 else []
        members = members[:at] + members[at + 1 :]
    elif kind == 6:
        method = random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    else:
        members[at] = name, data[:128] + bytes(random.choice((10**6, 2 * 10**7)))
        method = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    if random.random() < 0.2:
        _lying_zip(path, random)


def npz(folder, random):
    """Change a .npz file."""
    zipped(folder, random, "*.npz")


def _lying_zip(path, random):
    """Sizes and places in a zip's own tables."""
    raw = bytearray(path.read_bytes())
    mark = random.choice((b"PK\x01\x02", b"PK\x03\x04"))
    at = raw.find(mark, random.randrange(max(len(raw) // 2, 1)))
    if at >= 0:
        field = random.randrange(8, 46, 2)
        raw[at + field : at + field + 4] = struct.pack("<I", random.choice(NUMBERS) % 2**32)
        path.write_bytes(raw)


# FITS


CARDS = (b"END", b"COMMENT", b"\xff" * 80, b"NAXIS   = 999", b"CONTINUE  'x'", b"XTENSION= 'IMAGE'")
CARD_VALUES = (*NUMBERS, 1.5, "T", "F", "'x'", "''", "1E999", "'9999999E'", "'PE(9)'", "'1PE'")


def card(folder, random):
    """Change a card of a header, as bytes: astropy would not write it."""
    path = one_file(folder, random, "*.fits", "*.fz")
    raw = bytearray(path.read_bytes())
    cards = [at for at in range(0, len(raw), 80) if raw[at + 8 : at + 10] == b"= "]
    at = random.choice(cards)
    kind = random.randrange(6)
    key = bytes(raw[at : at + 8])
    if kind <= 2:
        new = key + b"= " + str(random.choice(CARD_VALUES)).rjust(20).encode()
    elif kind == 3:
        new = damaged(raw[at : at + 80], random)
    elif kind == 4:
        new = random.choice(CARDS)
    else:
        new = bytes(raw[(other := random.choice(cards)) : other + 80])
    raw[at : at + 80] = new[:80].ljust(80)
    path.write_bytes(raw)


def hdu(folder, random):
    """Change the parts of a FITS file: arrays, columns, names, number."""
    path = one_file(folder, random, "*.fits")
    with path.open("rb") as file:
        check_sizes(file)  # astropy loops over each of the axes that an earlier change has claimed
    with fits.open(path, memmap=False) as file:
        parts = [part.copy() for part in file]
    at = random.randrange(len(parts))
    part, kind = parts[at], random.randrange(6)
    if kind == 0 and at:
        parts.pop(at)
    elif kind == 1:
        parts.append(part if at else fits.ImageHDU(np.zeros((2, 2, 2))))
    elif kind == 2:
        part.header["EXTNAME"] = random.choice(("B_FLUX", "FIBERMAP", "", "x" * 60, "IVAR"))
    elif part.is_image and part.data is not None:
        data = np.asarray(part.data)
        part.data = random.choice((data[:1], data[..., None], data * np.nan, data.astype("u1"),
                                   data.reshape(-1), np.zeros((0, 3)), data.T.copy()))  # fmt: skip
    elif isinstance(part, fits.BinTableHDU):
        name = random.choice(part.columns.names)
        keep = [c for c in part.columns if c.name != name]
        rows = len(part.data)
        column = random.choice((
            ("A1", np.array(["x"] * rows)), ("2D", np.full((rows, 2), np.nan)),
            ("M", np.zeros(rows, complex)), ("B", np.zeros(rows, "u1")),
            ("PE()", np.array([np.zeros(n % 3, "f4") for n in range(rows)], object)),
        ))  # fmt: skip
        columns = [*keep, fits.Column(name, column[0], array=column[1])]
        parts[at] = fits.BinTableHDU.from_columns(columns, name=part.name)
    fits.HDUList(parts).writeto(path, overwrite=True, output_verify="silentfix+ignore")


# Sealed folders of shards


def resealed(folder):
    """Give an index the checksums, sizes and marks that its shards and its text have now."""
    path = folder / "index.json"
    record = json.loads(path.read_text())
    record.pop("checksum", None)
    for part in record["files"]:
        raw = (folder / part["file"]).read_bytes()
        sizes, at = part["sizes"], 0
        sizes = [sizes] * (len(part["crc32"]) // 8) if isinstance(sizes, int) else sizes
        part["size"], crcs = len(raw), []
        for size in sizes:
            crcs.append(f"{zlib.crc32(raw[at : at + size]):08x}")
            at += size
        part["crc32"] = "".join(crcs)
    path.write_text(seal(record))


def index(folder, random):
    """Change what an index says; its checksum is right again."""
    path = folder / "index.json"
    record = json.loads(path.read_text())
    record.pop("checksum")
    for _ in range(random.choice((1, 1, 2))):
        record = changed(record, random)
    path.write_text(seal(record) if isinstance(record, dict) else json.dumps(record))


def members(folder, random):
    """Change a shard, and seal it again."""
    path = one_file(folder, random, "*.tar")
    raw = bytearray(path.read_bytes())
    at = raw.find(b"\x93NUMPY", random.randrange(max(len(raw) // 2, 1)))
    if at >= 0 and random.random() < 0.5:
        head = npy_header(bytes(raw[at : at + 128]), random)[:128]
        raw[at : at + len(head)] = head
    elif random.random() < 0.5:
        at = random.randrange(0, len(raw), 512)
        raw[at : at + 512] = damaged(raw[at : at + 512], random)[:512].ljust(512, b"\0")
    else:
        raw = damaged(raw, random)
    path.write_bytes(raw)
    resealed(folder)


# Others


def parquet(folder, random):
    """Write a table anew with a column of another kind."""
    path = one_file(folder, random, "*.parquet")
    table = pq.read_table(path)
    at = random.randrange(table.num_columns)
    name, rows = table.column_names[at], table.num_rows
    kind = random.randrange(9)
    kinds = {
        0: lambda: pa.array([str(n) for n in range(rows)]),
        1: lambda: pa.array([None] * rows, pa.float32()),
        2: lambda: pa.array([[1.0] * n for n in range(rows)]),
        3: lambda: pa.array([[[1.0]] * n for n in range(rows)]),
        4: lambda: pa.array([b"\xff"] * rows),
        5: lambda: pa.array([{"a": n} for n in range(rows)]),
        6: lambda: pa.array(np.full(rows, np.nan)),
        7: lambda: pa.nulls(rows),
    }
    if kind in kinds:
        table = table.set_column(at, name, kinds[kind]())
    elif random.random() < 0.5:
        table = table.drop_columns([name])
    else:
        table = pa.concat_tables([table] * random.choice((2, 40)))
    options = {"compression": random.choice(("NONE", "snappy", "zstd", "gzip"))}
    pq.write_table(table, path, row_group_size=random.choice((1, 2, 10**6)), **options)


def repacked(data, random):
    """The bytes of gzip, or those that it packs, with a fault."""
    return gzip.compress(damaged(gzip.decompress(data), random), 1)


def gzipped(folder, random):
    """Change what gzip packs."""
    path = one_file(folder, random, "*.gz")
    path.write_bytes(repacked(path.read_bytes(), random))
