"""Choose frequent pieces of text as tokens."""

import re
from collections import Counter
from collections.abc import Iterable

from xval.encodings.numbers_in_text import Cut, cut

PIECE = re.compile(r"[^\W\d_]+|\d|_|[^\w\s]+|\s+")
LONGEST = 32


def frequent_words(texts: Iterable[str | Cut], limit: int = 256) -> list[str]:
    """Pieces of text between numbers that save the most tokens, for ``encoding(name, words=...)``.

    Candidates are whole texts between two numbers, which structured data repeat, and their words
    and runs of punctuation. A piece of n bytes that occurs k times saves k (n - 1) tokens.

    Args:
        texts: Sample of the texts to encode, whole or cut.
        limit: Maximum number of pieces.

    Returns:
        Pieces that occur more than once, the most useful first.
    """
    counts = Counter(piece for text in texts for piece in _words(text))
    parts: Counter[str] = Counter()
    for piece, count in counts.items():
        for part in PIECE.findall(piece):
            parts[part] += count
    parts |= Counter({piece: count for piece, count in counts.items() if len(piece) <= LONGEST})
    saved = {
        piece: count * (len(piece.encode()) - 1) for piece, count in parts.items() if count > 1
    }
    best = sorted((-gain, piece) for piece, gain in saved.items() if gain > 0)
    return [piece for _, piece in best[:limit]]


def _words(text: str | Cut) -> list[str]:
    return (text if isinstance(text, Cut) else cut(text)).words
