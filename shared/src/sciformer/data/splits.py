"""Splits into training, validation and test: by a hash of each sample's id, or as given."""

import csv
import hashlib
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, repeat
from pathlib import Path
from typing import Any

from sciformer.arguments import ArgumentError
from sciformer.strict_json import read_json

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}  # the default
DRAWN = "drawn"  # set in the splits of runs of formats up to 3: each sample drew its split
WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def counts(
    total: int, shares: Mapping[str, float], least: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Sizes of the splits, as near to the shares as they can be (largest remainder).

    Args:
        total: Number of samples.
        shares: Share of each split; their sum is 1. A share of 0 gets nothing.
        least: Smallest size of a split with a share above 0; by default 1.

    Returns:
        Size of each split; their sum is ``total``.

    Raises:
        ValueError: If there are too few samples.
    """
    wanted = {name: round(total * shares[name], 9) for name in sorted(shares) if shares[name] > 0}
    lower = {name: 1 if least is None else least[name] for name in wanted}
    if total < sum(lower.values()):
        said = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        raise ValueError(f"{total} are too few for the shares {said}")
    found = {name: max(math.floor(wanted[name]), lower[name]) for name in wanted}
    while rest := total - sum(found.values()):
        sign = 1 if rest > 0 else -1
        free = [name for name in found if sign > 0 or found[name] > lower[name]]
        near = max(free, key=lambda name: (sign * (wanted[name] - found[name]), wanted[name]))
        found[near] += sign
    return {name: found.get(name, 0) for name in shares}


def split_by_id(
    ids: Sequence[str | int], fractions: Mapping[str, float], seed: int = 0
) -> dict[str, list[int]]:
    """Indices of the samples of each split: the ids are ranked by a hash of (seed, id) and cut.

    The order of the samples does not matter, and one more sample moves few others. Samples with the
    same id (for example the frames of one simulation) stay together.

    Args:
        ids: Permanent id of each sample; ``1`` and ``"1"`` are the same id.
        fractions: Fraction of the ids in each split; their sum is 1. Every fraction above 0 gets
            at least one id.
        seed: Different seeds give different splits.

    Returns:
        Name of the split -> indices in ``ids``, ascending.

    Raises:
        ValueError: If a fraction is negative, they do not sum to 1, or there are too few ids.
    """
    shares = {name: share for name, share in fractions.items() if name != DRAWN}
    names = sorted(shares)  # a mapping that was written in another order splits the same
    if min(shares.values(), default=0.0) < 0 or not math.isclose(sum(shares.values()), 1.0):
        raise ValueError(f"fractions: {shares} are not shares of 1")
    hashes = {each: _uniform(f"{seed}:{each}") for each in map(str, ids)}
    if fractions.get(DRAWN):
        ends = list(accumulate(shares[name] for name in names))[:-1]
        owner = {each: names[bisect_right(ends, drawn)] for each, drawn in hashes.items()}
    else:
        sizes = counts(len(hashes), shares) if hashes else {}
        ranked = sorted(hashes, key=lambda each: (hashes[each], each))
        places = chain(*(repeat(name, sizes.get(name, 0)) for name in names))
        owner = dict(zip(ranked, places, strict=True))
    found: dict[str, list[int]] = {name: [] for name in names}
    for index, each in enumerate(ids):
        found[owner[str(each)]].append(index)
    return found


def split_as_given(
    ids: Sequence[str | int], given: Sequence[str], fractions: Mapping[str, float]
) -> dict[str, list[int]]:
    """Indices of the samples of each split, as the data set itself gives them.

    A split that no sample is given, but has a fraction above 0, is taken out of ``train`` by
    :func:`split_by_id`. A split with a fraction of 0 is left out.

    Args:
        ids: Permanent id of each sample.
        given: Split of each sample, see :func:`split_name`.
        fractions: Fractions of ``train``, ``val`` and ``test``.

    Returns:
        Name of the split -> indices in ``ids``, ascending.

    Raises:
        ValueError: If a name is not one of a split, an id is given two of them, or there are too
            few ids to take from.
    """
    found: dict[str, list[int]] = {name: [] for name in SHARES}
    owner: dict[str, str] = {}
    for index, (each, word) in enumerate(zip(ids, given, strict=True)):
        name = split_name(word)
        if owner.setdefault(str(each), name) != name:
            raise ValueError(f"{each} is in {owner[str(each)]} and in {name}")
        found[name].append(index)
    train = found["train"]
    taken = ["train", *(name for name in found if not found[name] and fractions[name] > 0)]
    if train and len(taken) > 1:
        whole = sum(fractions[name] for name in taken)
        shares = {name: fractions[name] / whole for name in taken}
        parts = split_by_id([ids[index] for index in train], shares)
        found |= {name: [train[place] for place in places] for name, places in parts.items()}
    return {name: places if fractions[name] > 0 else [] for name, places in found.items()}


def split_name(word: str | None) -> str:
    """``train``, ``val`` or ``test`` from a word: also training, valid, validation, testing.

    Args:
        word: Any case, with or without spaces around it.

    Returns:
        The name.

    Raises:
        ValueError: If it is none of these.
    """
    name = WORDS.get(str(word).strip().lower())
    if name is None:
        raise ValueError(f"{word!r} is no split: none of {', '.join(WORDS)}")
    return name


def given_splits(said: str, ids: Sequence[str | int]) -> list[str]:
    """Split of each sample, from what a configuration says.

    Args:
        said: A split for all samples; or a file of ids: a CSV file with columns ``id`` and
            ``split``, or a JSON file with a list of ids for each split.
        ids: Permanent id of each sample.

    Returns:
        ``train``, ``val`` or ``test`` for each sample.

    Raises:
        ValueError: If it is neither, or the file gives an id no split or two of them.
    """
    if said.strip().lower() in WORDS:
        return [split_name(said)] * len(ids)
    path, known = Path(said), {}
    if not path.is_file():
        raise ValueError(f"{said!r} is neither a file nor one of {', '.join(WORDS)}")
    for each, word in _pairs(path):
        try:
            name = split_name(word)
        except ValueError as error:
            raise ValueError(f"{path}: {each}: {error}") from error
        if known.setdefault(each, name) != name:
            raise ValueError(f"{path}: {each} is in {known[each]} and in {name}")
    without = [each for each in ids if str(each) not in known]
    if without:
        raise ValueError(f"{path}: no split of {len(without)} of {len(ids)} ids: {without[0]}")
    return [known[str(each)] for each in ids]


def _pairs(path: Path) -> list[tuple[str, str | None]]:
    """Ids and splits in a file."""
    try:
        if path.suffix == ".json":
            lists = read_json(path)
            return [(str(each), name) for name, members in lists.items() for each in members]
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [(row["id"], row["split"]) for row in csv.DictReader(file)]
    except (AttributeError, KeyError, TypeError, UnicodeDecodeError, csv.Error) as error:
        need = "a CSV file with columns id and split, or JSON with a list of ids for each split"
        raise ValueError(f"{path}: not {need}") from error


def shares_of(splits: Mapping[str, Any] | None) -> dict[str, float]:
    """Fractions of training, validation and test.

    Args:
        splits: Fractions of ``train``, ``val`` and ``test``, of which 0 means none; None is 80, 10
            and 10 %. ``drawn`` is 1 in runs of older versions, in which a split's size was random.

    Returns:
        The fractions.

    Raises:
        ArgumentError: Naming ``splits``, if one is missing, unknown or not a fraction, or their sum
            is not 1.
    """
    shares = SHARES if splits is None else dict(splits)
    if shares.keys() - {DRAWN} != SHARES.keys():
        raise ArgumentError("splits", f"{shares} does not name train, val and test")
    try:
        found = {name: float(share) for name, share in shares.items()}
        split_by_id([], found)
    except (TypeError, ValueError) as error:
        raise ArgumentError("splits", f"{shares} are not shares of 1") from error
    return found


def resumed_splits(
    stored: Mapping[str, Any] | None, asked: Mapping[str, Any] | None
) -> dict[str, float]:
    """Splits of a run that resumes: those it was trained on.

    Args:
        stored: Splits in its checkpoint.
        asked: Splits asked for now.

    Returns:
        The stored ones, drawn as then.

    Raises:
        ArgumentError: If others are asked for: some of the test samples would train.
    """
    old, new = shares_of(stored), shares_of(asked)
    if any(old[name] != new[name] for name in SHARES):
        reason = f"{new}, but the run was trained on {old}: test samples would train"
        raise ArgumentError("splits", reason)
    return old


def _uniform(text: str) -> float:
    """Hash of a text as a number in [0, 1), with 53 bits."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / 2**53
