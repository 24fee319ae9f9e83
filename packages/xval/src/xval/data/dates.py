"""Days and times as tables have them."""

import datetime
import re

import numpy as np

DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?Z?)?")


def moment(text: str) -> np.datetime64:
    """Read a date: ``2014-7-1``, ``2014/07/01``, ``2014-07-01 06:00`` or ``2014-07-01T06:00:00Z``.

    Args:
        text: The date.

    Returns:
        It, to the second.

    Raises:
        ValueError: If it is none.
    """
    found = DATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no date")
    try:
        written = datetime.datetime(*(int(part or 0) for part in found.groups()))
    except ValueError as error:
        raise ValueError(f"{text!r} is no date: {error}") from error
    return np.datetime64(written, "s")
