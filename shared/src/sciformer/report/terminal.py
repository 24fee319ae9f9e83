"""Text and tables on a terminal, or as plain text if the output is redirected."""

from rich.console import Console
from rich.text import Text

from sciformer.text import printable


def terminal() -> Console:
    """Console for tables; without line wrapping if the output is redirected."""
    console = Console()
    if not console.file.isatty():  # colors may be forced
        console.width = 200
    return console


def literal(content: str) -> Text:
    """Text that rich prints literally, without markup or terminal escapes.

    Args:
        content: Any text: a name, a path, a prediction.

    Returns:
        The text, for ``Console.print`` and table cells.
    """
    return Text(printable(content))
