"""``mpp rollout``: predict many frames from the first frames of a file."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from mpp.data.batch import Batch
from mpp.data.dataset import inside_of
from mpp.data.parameters import parameters_of
from mpp.data.sources import open_files, open_system, tell_rows
from mpp.data.trajectories import Trajectories
from mpp.data.writers import write_like
from mpp.evaluation import figures, tables
from mpp.evaluation.comparison import Comparison, compare
from mpp.evaluation.evaluate import open_data, open_run, predict, rows_of
from mpp.evaluation.field_maps import Shown, label
from mpp.evaluation.movies import check_film, write_film
from mpp.metrics import Inside
from mpp.nn.field_vocabulary import Vocabulary
from sciformer.arguments import ArgumentError, check_least, inside
from sciformer.data.splits import SHARES
from sciformer.evaluation.run import TrainedRun
from sciformer.files import new_folder
from sciformer.progress import track
from sciformer.report.report import Report, report_folder
from sciformer.text import counted

FRAMES = "rollout.h5"


def rollout_file(
    checkpoint: str,
    file: dict[str, Any] | str,
    steps: int = 20,
    out: str | None = None,
    trajectories: list[int] | None = None,
    start: int = 0,
    history: int | None = None,
    film: str = "rollout.gif",
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Predict many frames from the first frames of a file, also beyond its end.

    Writes ``rollout.h5`` (history and predicted frames; in PDEBench's layout if it has the fields
    and boundaries of one of its sets, else in The Well's), a movie of the first trajectory, and
    ``metrics.json`` and ``index.html`` with the errors where true frames exist.

    Args:
        checkpoint: A checkpoint, a run folder, or weights of the original.
        file: An HDF5 file of PDEBench or The Well, a folder of shards, a table as in ``data.files``
            of a configuration, which can also name or rename fields, or one as in
            ``data.simulate``. Or ``test``, ``val`` or ``train``: the run's own trajectories of this
            split; of several systems ``{split: test, name: SYSTEM}``.
        steps: Number of frames to predict.
        out: Output folder; by default ``rollout`` in the folder of the checkpoint.
        trajectories: Indices of the trajectories; by default the first one.
        start: First frame of the history.
        history: Number of frames in the history; by default as in training (16 in the original's).
        film: File name of the movie; ``.gif``, or ``.mp4``, which needs ffmpeg.
        device: ``cpu``, ``cuda`` or another device of torch; by default the GPU, if there is one.
        overwrite: Replace existing output.

    Raises:
        ValueError: If a file is missing, or network and data do not fit together.
    """
    check_least(steps=(steps, 1), start=(start, 0), history=(history, 1))
    if trajectories == []:
        raise ArgumentError("trajectories", "none to roll out")
    check_film(film)
    trained = open_run(checkpoint, device)
    with inside("file", file):
        name, source, first, kept = _opened(trained, file)
    rows = rows_of(trained, source)
    numbers = trajectories or [first]
    past = _history(trained, source.where, _shortest(source, numbers), start, history)
    tell_rows(Vocabulary(trained.module.hparams["fields"]), source)
    frames = np.stack([source.read(number, start, start + past) for number in numbers])
    folder = report_folder(out or trained.folder / "rollout", overwrite)
    new_folder(folder, (FRAMES, film), overwrite)
    domain, values = inside_of(source, numbers), parameters_of(source, trained.module.inputs)
    own = None if values is None else values[numbers]
    answers = roll(trained, source, torch.from_numpy(frames), rows, steps, domain, own)
    truth, known = _truth(source, numbers, start + past, answers)
    every = _blanked(np.concatenate([frames, answers], 1), domain)
    write_like(folder / FRAMES, name, every, source.description)
    shown = Shown(
        name,
        source.description,
        _blanked(truth[:1], domain)[0],
        every[0, past:],
        _time(source, start + past - 1),
    )
    write_film(folder / film, shown)
    summary = (
        f"{counted(steps, 'step')} of {counted(len(numbers), 'trajectory', 'trajectories')} "
        f"({_ids(source, numbers)}{kept}) from {counted(past, 'true frame')}. {FRAMES} has "
        f"{past} + {steps} frames of each. The truth is known for {counted(known, 'step')}."
    )
    report = Report(f"Rollout of {label(name)}", trained.record, summary)
    if known:
        compared = _compare(name, source, frames, answers[:, :known], truth[:, :known], domain)
        _add_errors(report, compared)
    figures.add_film(report, shown)
    report.publish(folder, folder / FRAMES, folder / film)


def _opened(
    trained: TrainedRun[Any], file: dict[str, Any] | str
) -> tuple[str, Trajectories, int, str]:
    """System, trajectories, the first to roll out and its split, of a file or the run's data."""
    entry = {"split" if file in SHARES else "path": file} if isinstance(file, str) else file
    if "path" in entry:
        return *open_files(file), 0, ""
    if "system" in entry:
        return *open_system(entry), 0, ""
    data = open_data(trained)
    name, split = entry.get("name", data.systems[0]), entry.get("split", "test")
    if ("name" not in entry and len(data.systems) > 1) or name not in data.systems:
        raise ValueError(f"name: the run has {', '.join(data.systems)}; {{split: test, name: ...}}")
    if split not in SHARES:
        raise ValueError(f"split: {split!r} is none of {', '.join(SHARES)}")
    data.setup()
    for part in data.parts(split, 1):
        if data.systems[part.system] == name:
            first = int(part.windows.chosen[0])
            return name, part.windows.trajectories, first, f", in the {split} split"
    raise ValueError(f"split: {name} has no trajectory in {split}")


def roll(
    trained: TrainedRun[Any],
    source: Trajectories,
    frames: Float32[Tensor, "batch time fields *space"],
    rows: Int64[Tensor, " fields"],
    steps: int,
    inside: Inside = None,
    parameters: Float[Tensor, "batch parameters"] | None = None,
) -> Float32[np.ndarray, "batch steps fields *space"]:
    """Roll out histories one by one, to limit memory use.

    Args:
        trained: The run.
        source: Trajectories of the histories, for the boundaries.
        frames: Histories.
        rows: Vocabulary row of each field.
        steps: Number of frames to predict.
        inside: 1 at points of the domain, 0 outside.
        parameters: Physical parameters that the network takes.

    Returns:
        Predicted frames. Warns from which step on they are not finite.
    """
    blank = frames[:1, :0]  # no truth is needed
    boundaries = source.description.boundaries
    nothing = [None] * len(frames)
    masks = nothing if inside is None else inside.split(1)
    values = nothing if parameters is None else parameters.split(1)
    batches = [
        Batch(one, blank, rows, boundaries, 0, None, mask, value)
        for one, mask, value in zip(frames.split(1), masks, values, strict=True)
    ]
    shown = track(batches, "trajectories", len(batches))
    answers = torch.cat([predict(trained.module, batch, steps) for batch in shown])
    lost = ~answers.isfinite().flatten(2).all(2)
    if lost.any():
        step = int(lost.any(0).nonzero()[0]) + 1
        warnings.warn(f"the prediction is not finite from step {step} on", stacklevel=2)
    return answers.numpy()


def _ids(source: Trajectories, numbers: Sequence[int]) -> str:
    """Ids of some trajectories."""
    return ", ".join(str(source.ids[number]) for number in numbers)


def _shortest(source: Trajectories, numbers: Sequence[int]) -> int:
    """Number of frames of the shortest of some trajectories."""
    lengths = [source.lengths[number] for number in numbers if 0 <= number < len(source)]
    return min(lengths, default=source.frames)


def _truth(
    source: Trajectories,
    numbers: Sequence[int],
    first: int,
    answers: Float32[np.ndarray, "batch steps fields *space"],
) -> tuple[Float32[np.ndarray, "batch steps fields *space"], int]:
    """True frames from ``first`` on, NaN where there are no more, and how many there are."""
    known = min(answers.shape[1], _shortest(source, numbers) - first)
    truth = np.full_like(answers, np.nan)
    for row, number in enumerate(numbers if known else ()):
        truth[row, :known] = source.read(number, first, first + known)
    return truth, known


def _blanked(
    frames: Float32[np.ndarray, "batch steps fields *space"], inside: Inside
) -> Float32[np.ndarray, "batch steps fields *space"]:
    """Frames that are NaN outside the domain."""
    if inside is None:
        return frames
    return np.where(inside[: len(frames), None].numpy() > 0, frames, np.float32(np.nan))


def _history(
    trained: TrainedRun[Any], where: str, frames: int, start: int, history: int | None
) -> int:
    """Number of frames in the history."""
    past = history if history is not None else trained.settings.get("history")
    if past is None:
        raise ValueError(f"{trained.path}: history: not said in the checkpoint; give --history")
    if start + past > frames:
        raise ValueError(
            f"{where}: frames: {frames} are too few for a history of {past} from frame {start}; a "
            "shorter one is --history"
        )
    return int(past)


def _time(source: Trajectories, frame: int) -> float:
    return frame * source.description.dt


def _compare(
    name: str,
    source: Trajectories,
    frames: Float32[np.ndarray, "batch time fields *space"],
    answers: Float32[np.ndarray, "batch steps fields *space"],
    truth: Float32[np.ndarray, "batch steps fields *space"],
    inside: Inside,
) -> Comparison:
    """Errors over all trajectories."""
    given, target = torch.from_numpy(frames), torch.from_numpy(truth)
    rows = torch.arange(target.shape[2])  # of no network: it has answered already
    boundaries = source.description.boundaries
    batch = Batch(given, target, rows, boundaries, 0, source.sizes, inside)
    return compare(name, source.description, [batch], lambda _: torch.from_numpy(answers))


def _add_errors(report: Report, compared: Comparison) -> None:
    report.add_metrics(compared.numbers())
    tables.add_results(report, [compared])
    tables.add_fields(report, compared)
    if compared.steps > 1:
        tables.add_steps(report, compared)
        figures.add_errors(report, compared)
