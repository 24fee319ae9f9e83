"""Lists of names in messages: not too long, and the most similar ones."""

import difflib
from collections.abc import Sequence

LISTED = 20
SIMILAR = 0.5  # share of equal letters


def listed(names: Sequence[str]) -> str:
    """Names behind each other, the first ones if there are many."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")


def known(name: str, names: Sequence[str]) -> str:
    """What there is instead of a name, and which of it is most similar."""
    similar = difflib.get_close_matches(name, names, 3, SIMILAR)
    nearest = f"; similar: {', '.join(similar)}" if similar and len(names) > len(similar) else ""
    return f"it has {listed(names)}{nearest}"
