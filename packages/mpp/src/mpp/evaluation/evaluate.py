"""``mpp evaluate``: rollout errors on test trajectories, with baselines."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

import mpp
from mpp.data.batch import Batch
from mpp.data.dataset import MixtureWindows, Windows
from mpp.data.sources import open_files, open_system
from mpp.data.trajectories import Trajectories
from mpp.evaluation import figures, tables
from mpp.evaluation.coarse_solver import coarse_solvers
from mpp.evaluation.comparison import Comparison, compare
from mpp.evaluation.field_maps import Shown
from mpp.nn.field_vocabulary import Vocabulary
from mpp.nn.rollout import rollout
from sciformer.arguments import check_least, said_as
from sciformer.evaluation import run
from sciformer.evaluation.comparison import MODEL
from sciformer.evaluation.run import TrainedRun
from sciformer.progress import track
from sciformer.text import counted

if TYPE_CHECKING:
    from mpp.data.datamodule import PhysicsData
    from mpp.data.dataset import Part
    from mpp.module import PhysicsModule

FILMED = 30  # steps of a film at most


def evaluate(
    path: str,
    out: str | None = None,
    data: dict[str, Any] | str | None = None,
    samples: int | None = None,
    steps: int | None = None,
    history: int | None = None,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Evaluate rollouts: errors by system, field and step, with figures and movies.

    On the test trajectories of the run's systems, or on all trajectories of other files: NRMSE,
    VRMSE, the spectral error in three bands and the drift of conserved fields, compared with
    persistence and linear extrapolation.

    Args:
        path: A checkpoint, a run folder, or weights of the original.
        out: Output folder of ``metrics.json`` and ``index.html``; by default ``report`` in the
            folder of the checkpoint.
        data: Files to evaluate on instead of the run's own data: an HDF5 file of PDEBench or The
            Well, a glob pattern or folder of them, a folder of shards, or a table as in
            ``data.files`` of a configuration.
        samples: Maximum number of windows of each system, evenly spread; by default the run's
            ``val_windows``.
        steps: Number of frames to predict; by default the run's ``test_horizon``.
        history: Number of input frames; by default as in training (16 in the original's).
        device: ``cpu``, ``cuda`` or another device of torch; by default the GPU, if there is one.
        overwrite: Replace an existing report.

    Raises:
        ValueError: If the checkpoint does not exist, or its data cannot be read.
    """
    check_least(samples=(samples, 1), steps=(steps, 1), history=(history, 1))
    trained = open_run(path, device)
    with trained.report("Multiple physics pretraining", out, overwrite, data=data) as report:
        source = open_data(trained, data, samples, steps, history)
        report.summary = _summary(source)
        every = [
            (compared, show(trained, compared.name, part))
            for compared, part in track(measure(trained, source), "systems", len(source.systems))
        ]
        for compared, _ in every:
            report.add_metrics(compared.numbers())
        tables.add_results(report, [compared for compared, _ in every])
        for number, (compared, shown) in enumerate(every):
            tables.add_tables(report, compared)
            tables.add_solvers(report, compared, trained.record.get("cpu_s"))
            figures.add_errors(report, compared)
            worst = int(compared.errors["vrmse"][MODEL].mean(0).argmax())
            figures.add_strip(report, shown, worst, _steps(compared.steps, len(shown.truth)))
            figures.add_spectra(report, compared)
            figures.add_film(report, shown, first=number == 0)


def open_run(path: str | Path, device: str | None = None) -> "TrainedRun[PhysicsModule]":
    """Open a run; see ``sciformer.evaluation.run.open_run``."""
    return run.open_run(path, mpp.PhysicsModule, device)


def open_data(
    trained: "TrainedRun[PhysicsModule]",
    data: dict[str, Any] | str | None = None,
    samples: int | None = None,
    steps: int | None = None,
    history: int | None = None,
) -> "PhysicsData":
    """Open the test windows of a run's own data, or all windows of other files.

    Args:
        trained: The run.
        data: Other files.
        samples: Maximum number of windows of each system; None uses the run's setting.
        steps: Number of frames to predict; None uses the run's setting.
        history: Number of input frames; None uses the run's setting.

    Returns:
        The data, with fields mapped to the network's vocabulary.

    Raises:
        ValueError: If the data cannot be read, or have a field that the network lacks.
    """
    # What only a training needs may have moved, or costs time.
    changes: dict[str, Any] = {"cache": None, "scan": False, "workers": 0, "extend": False}
    changes |= {"fields": list(trained.module.hparams["fields"])}
    given = {"val_windows": samples, "history": history}
    changes |= {name: count for name, count in given.items() if count is not None}
    if data is None:
        found = trained.data(mpp.PhysicsData, **changes)
        found.test_horizon = steps or found.test_horizon  # after it has split as the training did
        return found
    entry = {"path": data} if isinstance(data, str) else data
    changes |= {"files": [{**entry, "split": "test"}], "simulate": None, "mixture": "round_robin"}
    changes |= {"horizon": 1, "splits": None} | ({} if steps is None else {"test_horizon": steps})
    with said_as("data", "files[0]"):
        return mpp.PhysicsData(**trained.settings | changes)


def rows_of(trained: "TrainedRun[PhysicsModule]", source: Trajectories) -> Int64[Tensor, " fields"]:
    """Vocabulary rows of the fields of some trajectories.

    Args:
        trained: The run; warns about fields that were not in the training data.
        source: Trajectories.

    Returns:
        One row per field.

    Raises:
        ValueError: If the network lacks a field or an axis of space.
    """
    axes, own = len(source.description.shape), trained.module.model.axes
    if axes > own:
        raise ValueError(f"{source.where}: shape: {axes} axes of space, but the network has {own}")
    names = source.description.names
    try:
        rows = Vocabulary(trained.module.hparams["fields"]).rows(names)
    except ValueError as error:
        raise ValueError(f"{source.where}: {error}") from error
    seen = _trained_fields(trained.settings)
    new = [name for name in names if name not in seen]
    if seen and new:
        line = f"{source.where}: {', '.join(new)}: no data of the training had such a field"
        warnings.warn(line, stacklevel=2)
    return rows


def _trained_fields(settings: Mapping[str, Any]) -> set[str]:
    """Fields in the training data; empty if the files no longer exist."""
    try:
        found = [open_files(entry) for entry in settings.get("files") or []]
        found += [open_system(entry) for entry in settings.get("simulate") or []]
    except ValueError:
        return set()
    return {name for _, source in found for name in source.description.names}


@torch.no_grad()
def predict(
    module: "PhysicsModule", batch: Batch, steps: int
) -> Float[Tensor, "batch steps fields *space"]:
    """The frames after a batch's history, computed on the network's device, returned on the CPU."""
    frames, rows = batch.frames.to(module.device), batch.fields.to(module.device)
    inside = None if batch.inside is None else batch.inside.to(module.device)
    return rollout(module.model, frames, rows, batch.boundaries, steps, inside).cpu()


def measure(
    trained: "TrainedRun[PhysicsModule]", data: "PhysicsData"
) -> Iterator[tuple[Comparison, "Part"]]:
    """Evaluate a network on the test windows of every system, one after the other.

    Args:
        trained: The run.
        data: Data from :func:`open_data`.

    Yields:
        Errors and windows of each system.

    Raises:
        ValueError: If a window cannot be read, or has a field that the network lacks.
    """

    def answer(batch: Batch) -> Float[Tensor, "batch steps fields *space"]:
        return predict(trained.module, batch, batch.target.shape[1])

    for loader in data.test_dataloader():
        assert isinstance(loader.dataset, MixtureWindows)
        (part,) = loader.dataset.parts
        rows_of(trained, part.windows.trajectories)
        source = part.windows.trajectories
        name, solvers = data.systems[part.system], coarse_solvers(source)
        yield compare(name, source.description, loader, answer, solvers), part


def measure_test(path: Path) -> dict[str, float]:
    """Evaluate a checkpoint on the test windows of its own data.

    Args:
        path: Path of the checkpoint.

    Returns:
        The same numbers as in ``metrics.json`` of ``mpp evaluate``.
    """
    trained = open_run(path, "cpu")
    found = [compared.numbers() for compared, _ in measure(trained, open_data(trained))]
    return {key: value for numbers in found for key, value in numbers.items()}


def show(trained: "TrainedRun[PhysicsModule]", name: str, part: "Part") -> Shown:
    """Roll out from the start of the first trajectory to its end, for at most 30 steps.

    Args:
        trained: The run.
        name: Name of the system.
        part: Its windows.

    Returns:
        Rollout for figures and movies.
    """
    source, history = part.windows.trajectories, part.windows.history
    first = int(part.windows.place(0)[0])
    longest = Windows(source, [first], history, min(FILMED, source.lengths[first] - history))
    past, future = (np.empty(shape, np.float32) for shape in longest.shapes)
    longest.fill(0, past, future)
    description = source.description
    frames, target = torch.from_numpy(past)[None], torch.from_numpy(future)[None]
    boundaries, inside = description.boundaries, longest.inside([0])
    batch = Batch(frames, target, part.rows, boundaries, part.system, inside=inside)
    answer = predict(trained.module, batch, len(future))
    start = (history - 1) * description.dt
    return Shown(name, description, future, answer[0].numpy(), start)


def _steps(reported: int, shown: int) -> list[int]:
    """Choose up to four steps for a figure: the first, the last reported, one more and the last."""
    last = shown - 1
    return sorted({0, min(reported - 1, last), (reported + last) // 2, last})


def _summary(data: "PhysicsData") -> str:
    return (
        f"Each rollout starts from {counted(data.history, 'true frame')}; from then on the model "
        "sees its own answers alone. Persistence repeats the last true frame, linear extrapolation "
        "goes on with the last true change. Fields and steps are listed one by one: a mean would "
        "hide one that fails."
    )
