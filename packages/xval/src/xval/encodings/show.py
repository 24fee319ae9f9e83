"""``xval tokens``: show the tokens of a text, and the tokens per number of each encoding."""

from typing import Literal

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sciformer.text import printable
from xval.encodings.encoding import NAMES, Encoding

Name = Literal["p10", "p1000", "b1999", "fp15", "xval", "all"]


def tokens(text: str, encoding: Name = "all") -> None:
    """Show the tokens of a text in each encoding.

    Args:
        text: Any text.
        encoding: One of the five encodings, or ``all`` in one table.

    Raises:
        ValueError: If the encoding is unknown, or a number is out of its range.
    """
    table = Table("", "tokens", "per number", "vocabulary", "cut", title=f"{len(text)} characters")
    for name in NAMES if encoding == "all" else (encoding,):
        code = Encoding(name)
        ids, numbers = code.encode_text(text)
        pieces = Text()
        for token, number, marked in zip(ids, numbers, code.is_number(ids), strict=True):
            style = "bold cyan" if marked else ""
            pieces.append(" " if pieces else "").append(
                printable(piece(code, int(token), number)), style
            )
        row = str(len(ids)), str(code.length), str(len(code.vocabulary))
        table.add_row(name, *row, pieces)
    Console().print(table)


def piece(code: Encoding, token: int, number: np.float32) -> str:
    """A token as shown: ASCII bytes as characters, numbers with their values."""
    if token == code.num:
        return f"[NUM]={number:g}"
    byte = token - code.first_byte
    return chr(byte) if ord(" ") < byte < 127 else code.names[token]
