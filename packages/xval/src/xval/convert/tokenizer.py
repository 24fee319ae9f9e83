"""Words of the original's tokenizer, a JSON file of Hugging Face's tokenizers."""

from pathlib import Path

from sciformer.strict_json import from_json
from sciformer.text import reason
from xval.encodings.special_tokens import SPECIAL


def beside(path: Path) -> Path | None:
    """The only ``*tokenizer*.json`` in the folder of a file; None if there is none."""
    found = sorted(path.parent.glob("*tokenizer*.json"))
    if len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise ValueError(f"{path}: beside it are {names}; xval convert takes one")
    return found[0] if found else None


def read_words(path: Path, vocab: int) -> tuple[list[int], list[str]]:
    """Read the vocabulary of a tokenizer.

    Args:
        path: The file.
        vocab: Tokens of the network.

    Returns:
        Row of each of our tokens (special tokens, then words), and the words.

    Raises:
        ValueError: If it is no such file, or has another number of tokens.
    """
    try:
        said = from_json(path.read_text(encoding="utf-8"))
        ids = {str(word): int(row) for word, row in said["model"]["vocab"].items()}
        ids |= {str(each["content"]): int(each["id"]) for each in said.get("added_tokens", [])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: no tokenizer of the original: {reason(error)}") from error
    missing = [name for name in SPECIAL if name not in ids]
    if missing or sorted(ids.values()) != list(range(vocab)):
        why = f"lacks {missing[0]}" if missing else f"{len(ids)} tokens, the weights have {vocab}"
        raise ValueError(f"{path}: {why}")
    words = sorted(ids.keys() - set(SPECIAL), key=lambda word: ids[word])
    return [ids[name] for name in (*SPECIAL, *words)], words
