"""Sequences that a verb is given with ``--data``, and their table of counts."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from contextual_counting.data.datamodule import Batch, Setting, collate
from contextual_counting.data.shards import Sample, ranges_of
from contextual_counting.data.written_sequences import Written, by_shape, padded, read_sequences
from contextual_counting.simulate.sequences import ONE, ZERO
from sciformer.arguments import inside
from sciformer.data.shards.dataset import ShardedDataset
from sciformer.files import ADDRESS
from sciformer.report.html import Table

if TYPE_CHECKING:
    from contextual_counting.module import CountingModule

LISTED, SHOWN = 50, 40  # sequences of one's own in a table, and tokens of each


class Given(NamedTuple):
    """Sequences of any lengths and numbers of regions.

    Args:
        setting: Maximum length and number of regions, and the mean density of 1s.
        counts: True counts of all; ``NO_REGION`` where there is no such region.
        parts: Batches of sequences of one length and one number of regions.
        rows: Indices of each batch's sequences.
        written: The sequences if they are one's own.
    """

    setting: Setting
    counts: Int64[Tensor, "samples regions"]
    parts: list[Batch]
    rows: list[list[int]]
    written: list[Written]


def given_sequences(data: str, samples: int) -> Given:
    """Read the sequences that ``--data`` names.

    Args:
        data: Folder or address of shards, a text file, or a sequence.
        samples: Maximum number of sequences.

    Returns:
        The sequences.

    Raises:
        ArgumentError: If they cannot be read, or those of shards differ in number of regions.
    """
    with inside("data", data):
        if Path(data).is_dir() or ADDRESS.match(data):
            setting, batch = _stored(data, samples)
            return Given(setting, batch.counts, [batch], [[*range(len(batch.counts))]], [])
        return given_as_text(read_sequences(data)[:samples])


def given_as_text(written: list[Written]) -> Given:
    """Batches of one's own sequences, at least one."""
    groups = by_shape(written)
    parts = [
        Batch(
            torch.stack([written[row].tokens for row in rows]),
            torch.stack([written[row].counts for row in rows]),
        )
        for rows in groups.values()
    ]
    ones, zeros = (sum(int((p.tokens == t).sum()) for p in parts) for t in (ONE, ZERO))
    lengths, regions = zip(*groups, strict=True)
    setting = Setting(max(lengths), max(regions), round(ones / max(1, ones + zeros), 3))
    return Given(setting, padded(written), parts, [*groups.values()], written)


def _stored(folder: str, samples: int) -> tuple[Setting, Batch]:
    """Sequences written by ``contextual-counting simulate``, with the mean of their densities."""
    stored = ShardedDataset(folder, Sample)
    ranges = ranges_of(stored.folder)
    fewest, most = ranges.regions
    if fewest != most:
        raise ValueError(f"{folder}: {fewest} to {most} regions; all sequences must have as many")
    batch = collate([stored[number] for number in range(min(samples, len(stored)))])
    return Setting(ranges.length, most, sum(ranges.density) / 2), batch


def check_answerable(name: str, module: "CountingModule", setting: Setting) -> None:
    """Raise a ValueError if the network has too few prompts or positions for a setting."""
    if not module.can_answer(setting.length, setting.regions):
        few = f"{module.prompts} prompts"
        short = f"positions for {module.model.encoder.longest} tokens"
        held = few if setting.regions > module.prompts else short
        raise ValueError(f"{name}: the network has {held}")


def written_table(written: list[Written], found: Int64[np.ndarray, "samples regions"]) -> Table:
    """Table of one's own sequences, their true counts and those of a network."""
    rows = []
    for one, counted in zip(written[:LISTED], found, strict=False):
        text = one.text if len(one.tokens) <= SHOWN else f"{one.text[: 2 * SHOWN]}..."
        pairs = one.counts.tolist(), counted[: len(one.counts)].tolist()
        rows.append([text, *(", ".join(map(str, numbers)) for numbers in pairs)])
    note = f"The first {LISTED} of {len(written)}." if len(written) > LISTED else ""
    return Table("Your sequences", ["Sequence", "1s in each region", "counted"], rows, note)
