"""Parse dates and times of tables."""

import re
from datetime import datetime

DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?Z?)?")


def moment(text: str) -> datetime:
    """Read a date: ``2014-7-1``, ``2014/07/01``, ``2014-07-01 06:00`` or ``2014-07-01T06:00:00Z``.

    Args:
        text: Date as text.

    Returns:
        The date and time as written, without a time zone.

    Raises:
        ValueError: If the text is not a date.
    """
    found = DATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no date")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return datetime(year, month, day, hour, minute, second)  # as written
    except ValueError as error:
        raise ValueError(f"{text!r} is no date: {error}") from error
