"""Members of a shard: ``<key>.<field>.npy`` or ``.json`` in plain tar headers; no pickles.

Shards are never extracted to disk. Unexpected headers (links, paths, sizes beyond the file) and
pickled arrays are rejected.
"""

import io
import json
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sciformer.data.npy import KINDS, parse
from sciformer.data.shards.index import DamagedError
from sciformer.strict_json import from_json

BLOCK = 512
# name, (mode, uid, gid), size, (mtime, checksum), type, link, magic, (version ... device), prefix
HEADER = struct.Struct("100s 24x 12s 20x s 100s 6s 82x 155s 12x")
CHECKSUM = slice(148, 156)
OCTAL = re.compile(rb"([0-7]+)[\0 ]*")
NAME = re.compile(r"(?P<key>[0-9A-Za-z_-]+)\.(?P<field>[a-z][a-z0-9_]*)\.(?P<kind>npy|json)")
NPY = b"\x93NUMPY\x01\x00"  # version 1.0


def encode(sample: Mapping[str, Any], where: str) -> dict[str, bytes]:
    """Encode a sample as the contents of its members.

    Args:
        sample: Field -> array or NumPy scalar (stored as ``.npy``), or a JSON value.
        where: Name in errors.

    Returns:
        Suffix of a member's name -> bytes; the same sample gives the same bytes.

    Raises:
        ValueError: For an array of objects, or a value that JSON does not support.
    """
    members = {}
    for field, value in sample.items():
        kind = "npy" if isinstance(value, np.ndarray | np.generic) else "json"
        if not NAME.fullmatch(f"key.{field}.{kind}"):
            raise ValueError(f"{where}: field {field!r} is not a lower-case name")
        if kind == "npy":
            members[f"{field}.npy"] = _npy(np.asarray(value, order="C"), f"{where}: {field}")
            continue
        try:
            text = json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {field}: {error}") from error
        members[f"{field}.json"] = text.encode()
    return members


def decode(name: str, data: bytearray | memoryview, where: str) -> Any:
    """Decode one member.

    Args:
        name: Name of the member, or its suffix.
        data: Content; an array is a view of it.
        where: Name in errors.

    Returns:
        An array, or a JSON value.

    Raises:
        DamagedError: If it is not a plain array of this size, or JSON.
    """
    try:
        if name.endswith(".json"):
            return from_json(bytes(data))
        start = 10 + int.from_bytes(data[8:10], "little")
        if data[:8] != NPY:
            raise ValueError(f"{bytes(data[:8])!r} is not the mark of an npy file, version 1.0")
        return parse(bytes(data[:start])).array(memoryview(data)[start:])
    except ValueError as error:
        raise DamagedError(f"{where}: member {name}: {error}") from error


def members(raw: bytearray, where: str) -> Iterator[tuple[str, str, memoryview]]:
    """Iterate over the members of a sample whose checksum is correct.

    Args:
        raw: Bytes of the sample, from its first header to its last padding.
        where: Name in errors.

    Yields:
        Key, rest of the name, content.

    Raises:
        DamagedError: For a header that differs from those we write.
    """
    view, at = memoryview(raw), 0
    while at < len(view):
        key, rest, size = header(view[at : at + BLOCK], where)
        start, at = at + BLOCK, at + BLOCK + padded(size)
        if at > len(view):
            raise DamagedError(f"{where}: member {key}.{rest}: size {size} is beyond the sample")
        yield key, rest, view[start : start + size]


def scan(path: Path) -> Iterator[tuple[str, str]]:
    """Read and check all headers of a shard, without its data.

    Args:
        path: Path of the shard.

    Yields:
        Key and rest of the name of each member.

    Raises:
        DamagedError: For a header that differs from those we write.
    """
    length, at = path.stat().st_size, 0
    with path.open("rb") as stream:
        while at < length:
            stream.seek(at)
            block = stream.read(BLOCK)
            if not any(block):
                return  # the end of an archive is zeros
            key, rest, size = header(block, str(path))
            given = OCTAL.fullmatch(block[CHECKSUM])
            spaced = sum(block) - sum(block[CHECKSUM]) + 8 * ord(" ")
            if given is None or int(given[1], 8) != spaced:
                raise DamagedError(f"{path}: member {key}.{rest}: checksum of the header is wrong")
            at += BLOCK + padded(size)
            if at > length:
                raise DamagedError(f"{path}: member {key}.{rest}: size {size} is beyond the file")
            yield key, rest


def header(block: bytes | memoryview, where: str) -> tuple[str, str, int]:
    """Parse a tar header strictly.

    Args:
        block: 512 bytes of the header.
        where: Name in errors.

    Returns:
        Key, rest of the name, size of the content.

    Raises:
        DamagedError: If it is not a regular file with a plain name.
    """
    if len(block) < BLOCK:
        raise DamagedError(f"{where}: cut short: a header of {len(block)} bytes")
    raw_name, size, kind, link, magic, prefix = HEADER.unpack(block)
    text = raw_name.rstrip(b"\0").decode("ascii", "backslashreplace")
    member = f"{where}: member {text!r}"
    if magic != b"ustar\0":
        raise DamagedError(f"{member}: {magic!r} is not the mark of a tar header")
    if kind != b"0" or link.strip(b"\0"):
        raise DamagedError(f"{member}: type {kind.decode('latin1')!r} is not a file")
    name = NAME.fullmatch(text)
    if name is None or prefix.strip(b"\0"):
        raise DamagedError(f"{member}: not a name of the form key.field.npy or .json")
    if (length := OCTAL.fullmatch(size)) is None:
        raise DamagedError(f"{member}: size {size!r} is not an octal number")
    return name["key"], f"{name['field']}.{name['kind']}", int(length[1], 8)


def padded(size: int) -> int:
    """Size of a content in a tar file: whole blocks."""
    return -(-size // BLOCK) * BLOCK


def _npy(array: np.ndarray, where: str) -> bytes:
    if array.dtype.kind not in KINDS:
        raise ValueError(f"{where}: dtype {array.dtype} is neither numbers nor text of fixed size")
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=(1, 0), allow_pickle=False)
    return stream.getvalue()
