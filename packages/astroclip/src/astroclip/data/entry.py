"""Options that name galaxies: files, and what to do with those that cannot be used."""

from typing import Literal

# As on the command line: a string, a list of entries, or a table.
Entry = dict[str, str | float] | str
Files = list[Entry] | dict[str, str | float] | str
OnError = Literal["stop", "skip", "raise"]  # "raise" is what older files say for "stop"
