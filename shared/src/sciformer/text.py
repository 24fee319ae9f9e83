"""Text of others, made fit to be shown: on one line, and without what steers a terminal."""


def printable(text: str) -> str:
    """A text whose every character is seen: escapes and such as their codes.

    Args:
        text: Of any kind; its line breaks stay.

    Returns:
        The same, where all of it can be printed.
    """
    shown = (c if c.isprintable() or c == "\n" else _escaped(c) for c in text)
    return text if text.isprintable() else "".join(shown)


def single_line(text: str) -> str:
    """A printable text with its lines joined, which other libraries like to spread over many."""
    lines = (line.strip() for line in text.splitlines())
    return printable(" ".join(line for line in lines if line))


def _escaped(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode()
