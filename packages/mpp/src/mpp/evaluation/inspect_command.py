"""``mpp inspect``: what is understood of a file, or what to say of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32
from matplotlib.image import AxesImage

from mpp.data.description import COORDINATES, Description
from mpp.data.physics import settle
from mpp.data.readers.arrays import Arrays
from mpp.data.readers.open import UnknownLayoutError, blank_table
from mpp.data.sources import read_files
from mpp.data.thinned import thinned
from mpp.data.trajectories import Frames, Trajectories
from mpp.evaluation.field_maps import STATE, Limits, draw, label, place
from sciformer.arguments import ArgumentError
from sciformer.report.figures import WIDE, figure
from sciformer.report.html import Cell
from sciformer.report.report import Report, report_folder
from sciformer.text import counted

SAMPLES = 24  # frames of which statistics are taken
DRAWN = 8  # fields of a picture at most
OUT = "runs/mpp/inspect"


def inspect(file: dict[str, Any] | str, out: str | None = None, overwrite: bool = False) -> None:
    """Show what is understood of a file: fields, units, axes, boundaries, time step, statistics.

    Writes a page with a picture of the first trajectory. Of a file that cannot be understood it
    shows what is in it, and a table to fill in.

    Args:
        file: A file, a pattern or a folder, or a table as in ``data.files`` of a configuration.
        out: Output folder; by default ``runs/mpp/inspect/NAME``, which is replaced.
        overwrite: Replace existing output.

    Raises:
        ValueError: If the file cannot be read, its layout is unknown, or its boundaries are.
    """
    try:
        name, found = read_files(file)
    except UnknownLayoutError as error:
        _unknown(error.arrays).print()
        raise
    said = {} if isinstance(file, str) else file
    open_question = None
    try:
        settle(found, said)
        found = thinned(found, said)
    except ArgumentError as error:
        open_question = error
        if error.name == "boundaries":  # on which the others depend
            blank = found.description._replace(flips=(), turns=False, conserved=())
            found.description = blank
    folder = report_folder(out or f"{OUT}/{name}", overwrite or out is None)
    report = Report(f"{label(name)}: {found.where}", {}, _summary(found))
    samples = _samples(found)
    report.add_table("What is understood", ["", "value"], _physics(found, open_question))
    report.add_table(*_fields(found, samples))
    report.add_metrics(_numbers(name, found, samples))
    _add_picture(report, found)
    report.publish(folder)
    if open_question is not None:
        raise open_question


def _unknown(arrays: Arrays) -> Report:
    """What is in a file of unknown layout, and a table to fill in."""
    report = Report(f"{arrays.path}: of unknown layout", {})
    rows: list[list[Cell]] = [
        [name, " x ".join(map(str, arrays.shape(name))), str(arrays.dtype(name))]
        for name in arrays.names()
    ]
    table = blank_table(arrays)
    note = f"Say what it holds, for example {table}. Left: our names; right: those of the file."
    report.add_table(f"Arrays ({arrays.kind})", ["Array", "Shape", "Type"], rows, note)
    return report


def _summary(found: Trajectories) -> str:
    shortest, longest = min(found.lengths), max(found.lengths)
    frames = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
    return f"{counted(len(found), 'trajectory', 'trajectories')} of {frames} frames."


def _physics(found: Trajectories, question: ArgumentError | None) -> list[list[Cell]]:
    """Rows about everything but the fields."""
    known = found.description
    axes = COORDINATES[: len(known.shape)]
    lengths = [n * step for n, step in zip(known.shape, known.spacing, strict=True)]
    boundaries = ", ".join(f"{a} {kind}" for a, kind in zip(axes, known.boundaries, strict=True))
    asked = question is not None and question.name == "boundaries"
    rows: list[list[Cell]] = [
        ["layout", found.layout],
        ["trajectories", _summary(found)],
        ["points", _by_axis(axes, known.shape)],
        ["spacing", _by_axis(axes, known.spacing) + _assumed(found, "spacing")],
        ["length", _by_axis(axes, lengths)],
        ["boundaries", "?" if asked else boundaries + _assumed(found, "boundaries")],
        ["time between frames", f"{known.dt:.6g}" + _assumed(found, "dt")],
        ["conserved", ", ".join(known.conserved) or "nothing known"],
        ["parameters", _parameters(found)],
        ["symmetries used by augment", "?" if asked else _symmetries(known)],
    ]
    if found.given is not None:
        counts = {split: found.given.count(split) for split in dict.fromkeys(found.given)}
        rows.append(["splits", ", ".join(f"{split} {n}" for split, n in counts.items())])
    return rows


def _by_axis(axes: Sequence[str], values: Sequence[int | float]) -> str:
    return ", ".join(f"{axis} {value:.6g}" for axis, value in zip(axes, values, strict=True))


def _assumed(found: Trajectories, key: str) -> str:
    return f" ({found.assumed[key]})" if key in found.assumed else ""


def _parameters(found: Trajectories) -> str:
    """Parameters that are numbers, with their range over the trajectories."""
    every = [found.scalars(number) for number in range(len(found))]
    lines = []
    for name in dict.fromkeys(name for each in every for name in each):
        values = [np.asarray(e[name], np.float64).reshape(-1) for e in every if name in e]
        low, high = min(map(np.min, values)), max(map(np.max, values))
        lines.append(f"{name} {low:.6g}" + (f" to {high:.6g}" if high > low else ""))
    return ", ".join(lines) or "none"


def _symmetries(known: Description) -> str:
    axes = COORDINATES[: len(known.shape)]
    rolls = [axis for axis, kind in zip(axes, known.boundaries, strict=True) if kind == "periodic"]
    words = [f"shifts along {axis}" for axis in rolls]
    words += [f"reflections along {axes[axis]}" for axis in known.flips]
    return ", ".join([*words, *(["rotations by 90 degrees"] if known.turns else [])]) or "none"


def _samples(found: Trajectories) -> Float32[np.ndarray, "frames field *space"]:
    """Frames spread over all trajectories."""
    starts = np.cumsum([0, *found.lengths])
    places = np.unique(np.linspace(0, starts[-1] - 1, SAMPLES).astype(int))
    owners = np.searchsorted(starts, places, "right") - 1
    pairs = zip(owners.tolist(), (places - starts[owners]).tolist(), strict=True)
    return np.concatenate([found.read(one, start, start + 1) for one, start in pairs])


def _fields(found: Trajectories, samples: Frames) -> tuple[str, list[str], list[list[Cell]], str]:
    rows: list[list[Cell]] = []
    for number, part in enumerate(found.description.components):
        values = samples[:, number].astype(np.float64)
        along = "".join(COORDINATES[axis] for axis in part.axes if axis < len(COORDINATES))
        kind = f"component {along} of {part.base}" if along else "scalar"
        unit = found.units.get(part.name) or "not said"
        spread = [float(f()) for f in (values.min, values.max, values.mean, values.std)]
        rows.append([part.name, kind, unit, *spread])
    heads = ["Field", "Kind", "Unit", "Smallest", "Largest", "Mean", "Deviation"]
    return "Fields", heads, rows, f"Of {len(samples)} frames, spread over all trajectories."


def _numbers(name: str, found: Trajectories, samples: Frames) -> dict[str, float]:
    numbers = {f"{name}/trajectories": float(len(found)), f"{name}/dt": found.description.dt}
    for number, field in enumerate(found.description.names):
        values = samples[:, number].astype(np.float64)
        numbers[f"{name}/mean/{field}"] = float(values.mean())
        numbers[f"{name}/std/{field}"] = float(values.std())
    return numbers


def _add_picture(report: Report, found: Trajectories) -> None:
    """First, middle and last frame of the first trajectory."""
    known, last = found.description, found.lengths[0] - 1
    steps = sorted({0, last // 2, last})
    frames = np.concatenate([found.read(0, step, step + 1) for step in steps])
    names = known.names[:DRAWN]
    with figure(0.4 + 1.9 * len(names), WIDE) as drawn:
        panels = drawn.subplots(len(names), len(steps), squeeze=False)
        for number, (name, line) in enumerate(zip(names, panels, strict=True)):
            low, high = float(frames[:, number].min()), float(frames[:, number].max())
            scale = Limits(low, high) if high > low else Limits(low - 0.5, high + 0.5)
            shown = [
                draw(axes, frame[number], known, scale, STATE)
                for axes, frame in zip(line, frames, strict=True)
            ]
            line[0].set_ylabel(label(name))
            if isinstance(shown[0], AxesImage):
                drawn.colorbar(shown[0], ax=list(line), aspect=12, pad=0.02)
        for axes, step in zip(panels[0], steps, strict=True):
            axes.set_title(f"t = {step * known.dt:.4g} (frame {step})", fontsize=9)
    report.add_figure(f"Trajectory {found.ids[0]}", drawn, place(known))
