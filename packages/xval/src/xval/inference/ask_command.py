"""``xval ask``: fill the masked numbers of a text, or the missing values of a table."""

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

import xval
from sciformer.arguments import ArgumentError, check_share
from sciformer.evaluation import run
from sciformer.evaluation.run import TrainedRun
from sciformer.files import new_file
from sciformer.progress import quiet
from sciformer.report.terminal import literal
from xval.data.marked import with_holes
from xval.data.name_lists import known
from xval.inference.answer import answer
from xval.inference.calibration import calibrated
from xval.inference.missing_values import COLUMNS, fill_missing, shown, write_filled

if TYPE_CHECKING:
    from xval.module import XValModule

SHOWN = 20  # answers for a table that are printed


def ask(
    checkpoint: str,
    text: str = "",
    rows: str | None = None,
    out: str | None = None,
    share: float = 0.9,
    overwrite: bool = False,
) -> None:
    """Fill each ``[MASK]`` in a text, or each missing target of a table, with a number.

    Beside each answer are the median of its distribution and the ends of an interval.

    Args:
        checkpoint: A checkpoint, a run folder, or weights of the original with its tokenizer.
        text: Text such as ``{'a':[MASK],'stepsize':0.5,...}``, in the format of the training texts.
        rows: Table like that of the training, in which some or all values of the targets are
            missing, instead of a text.
        out: CSV file of the answers for a table, with the columns ``row`` (line of the file),
            ``field``, ``answer``, the ends of an interval, ``low`` and ``high``, and ``median``.
        share: Share of the intervals that should hold the true value. They are calibrated on the
            validation texts of the training, or on further simulated ones.
        overwrite: Replace an existing file.

    Raises:
        ValueError: If the checkpoint does not exist, or the text has no mask, a number out of range
            or more tokens than the network can read, or no value of the table is missing.
    """
    check_share(share=share)
    if bool(text) == (rows is not None):
        raise ArgumentError("text", "either a text or --rows FILE is needed")
    path = None if out is None else new_file(out, overwrite)
    opened = open_run(checkpoint, "cpu")
    if rows is None:
        _of_text(opened, text, share)
        return
    filled = fill_missing(opened, rows, share)
    if path is not None:
        write_filled(path, filled)
        if quiet():
            return
    table = Table(*COLUMNS, title=f"{len(filled)} answers")
    for each in filled[:SHOWN]:
        table.add_row(*map(literal, shown(each)))
    console = Console()
    console.print(table)
    if path is not None:
        console.print(literal(f"written to {path}"), soft_wrap=True)


def _of_text(opened: "TrainedRun[XValModule]", text: str, share: float) -> None:
    fields = opened.module.units.names
    told = {*with_holes(text).fields} - {*fields} if any(fields) else ()  # the original has none
    for field in sorted(told):
        line = f"text: {field!r} is no field of the network; {known(field, fields[1:])}"
        warnings.warn(line, stacklevel=2)
    answer(opened.module, text)  # what is wrong with a text is said before the calibration
    answered = answer(opened.module, text, calibrated(opened, share))
    table = Table("masked", "answer", "median", "low", "high")
    for name, said, *spread in zip(answered.names, answered.said, *answered[-3:], strict=True):
        ends = spread[1], spread[0], spread[2]
        row = (name or "(no name)", said, *("" if math.isnan(x) else f"{x:.4g}" for x in ends))
        table.add_row(*map(literal, row))
    console = Console()
    console.print(literal(answered.text), soft_wrap=True)
    console.print(table)


def open_run(path: str | Path, device: str | None = None) -> "TrainedRun[XValModule]":
    """Open a checkpoint, a run folder or weights of the original.

    Args:
        path: Path of the file or folder.
        device: Device, see ``sciformer.evaluation.run.open_run``.

    Returns:
        The network, with the settings and the record of its training.

    Raises:
        ValueError: If the device or checkpoint does not exist, or the checkpoint is not one of
            xVal after training began.
    """
    opened = run.open_run(path, xval.XValModule, device)
    if opened.module.transforms is None:
        raise ValueError(f"{opened.path}: no transforms: no training has begun")
    return opened
