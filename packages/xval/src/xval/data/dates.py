"""Parse dates and times of tables."""

import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?Z?)?")
LIKELY = re.compile(r"(?=.{6,40}$)(?=.*\d)[\w:+,./-]+(?: [\w:+,./-]+)*")
DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y")
DAYS += ("%m-%d-%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y")
DAYS += ("%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%Y%m%d", "%Y-%m")
TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M")
ISO = "ISO8601"  # what pandas calls a date with a time zone
HEAD = 50  # dates that formats are tried on before the rest
COMPACT = re.compile(r"(?:19|20)[0-9]{6}")  # 20140701; other eight digits are a number


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


def date_format(values: Sequence[str]) -> str | None:
    """Format that all values have, as of ``strptime``.

    Args:
        values: Different values of a column.

    Returns:
        The format; ``""`` if the values are dates, but their days can be taken for months; None if
        they are no dates.
    """
    if not values or not all(LIKELY.fullmatch(value.strip()) for value in values):
        return None
    compact = COMPACT.fullmatch(values[0].strip()) is not None
    if values[0].strip().isdecimal() and not compact:
        return None
    forms = [day + time for day in DAYS for time in TIMES if (day == "%Y%m%d") == compact]
    if not compact and DATE.match(values[0].strip()):
        forms.append(ISO)
    found: dict[bytes, str] = {}  # by the times: two formats may be the same
    for form in forms:
        if read_dates(values[:HEAD], form) is not None:
            times = read_dates(values, form)
            if times is not None:
                found.setdefault(times.tobytes(), form)
    return None if not found else next(iter(found.values())) if len(found) == 1 else ""


def read_dates(values: Sequence[str], form: str) -> np.ndarray | None:
    """Times of dates, as datetime64; None if one of them has another format."""
    try:
        cells = pd.Series([value.strip() for value in values], dtype=object)
        times = pd.to_datetime(cells, format=form, utc=True)
    except (ValueError, OverflowError):  # pandas' errors of dates are ValueErrors
        return None
    return times.dt.tz_localize(None).to_numpy()
