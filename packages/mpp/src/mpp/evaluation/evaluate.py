"""Errors of a checkpoint's rollouts on test trajectories, beside what one gets without a model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

import mpp
from mpp.data.batch import Batch
from mpp.data.dataset import MixtureWindows, Windows
from mpp.evaluation import figures, tables
from mpp.evaluation.comparison import MODEL, Comparison, compare
from mpp.evaluation.field_maps import Shown
from mpp.evaluation.trained_model import Trained, open_trained
from sciformer.arguments import check_least, said_as
from sciformer.report.report import Report, report_folder
from sciformer.training.checkpoints import checkpoint

if TYPE_CHECKING:
    from mpp.data.datamodule import PhysicsData
    from mpp.data.dataset import Part

FILMED = 30  # steps of a film at most
MOVED = "if its files have moved, say where some are with --data"


def evaluate(
    path: str,
    out: str | None = None,
    data: dict[str, Any] | str | None = None,
    steps: int | None = None,
    windows: int | None = None,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write errors of rollouts by system, field and step, with pictures and films.

    On the test trajectories of the run's own systems, or on all of other files: NRMSE, VRMSE, the
    spectral error of three bands and the drift of what is conserved, each beside persistence and
    linear extrapolation.

    Args:
        path: A checkpoint, or a run's folder.
        out: Folder of ``metrics.json`` and ``index.html``; ``report`` beside the checkpoint
            where none is given.
        data: Evaluate on these files: an HDF5 file of PDEBench or The Well, a pattern or a folder
            of them, a folder of shards, or a table as under ``data.files`` of a configuration.
        steps: Frames to predict; the run's ``test_horizon`` where not given.
        windows: Of each system at most, evenly spread; the run's ``val_windows`` where not given.
        device: ``cpu``, ``cuda`` or another of torch's; the GPU, where there is one, if not given.
        overwrite: Replace a report that is there.

    Raises:
        ValueError: If there is no such checkpoint, or its data cannot be read.
    """
    check_least(steps=(steps, 1), windows=(windows, 1))
    trained = open_trained(path, device)
    folder = report_folder(out or trained.path.parent / "report", overwrite)
    source = open_data(trained, data, steps, windows)
    console = Console(stderr=True)
    every = [
        (compared, show(trained, compared.name, part))
        for compared, part in track(
            measure(trained, source),
            "systems",
            len(source.systems),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
    ]
    report = Report("Multiple physics pretraining", trained.run, _summary(source))
    for compared, _ in every:
        report.add_metrics(compared.numbers())
    tables.add_results(report, [compared for compared, _ in every])
    for compared, shown in every:
        tables.add_tables(report, compared)
        figures.add_errors(report, compared)
        worst = int(compared.errors["vrmse"][MODEL].mean(0).argmax())
        figures.add_strip(report, shown, worst, _steps(compared.steps, len(shown.truth)))
        figures.add_spectra(report, compared)
        figures.add_film(report, shown)
    page = report.write(folder)
    report.print()
    print(page)  # noqa: T201  # what the verb answers


def open_data(
    trained: Trained,
    data: dict[str, Any] | str | None = None,
    steps: int | None = None,
    windows: int | None = None,
) -> "PhysicsData":
    """The data to evaluate on: the run's own, of which the test split counts, or other files.

    Args:
        trained: The checkpoint.
        data: Other files, all of whose trajectories count then.
        steps: Frames to predict, where not the run's.
        windows: Of each system at most, where not the run's.

    Returns:
        With the fields of the network in its rows.

    Raises:
        ValueError: If they cannot be read, or the network does not know a field.
    """
    fields = list(trained.module.hparams["fields"])
    # What only a training needs may be elsewhere, or costs time.
    settings = {**trained.settings, "fields": fields, "cache": None, "scan": False, "workers": 0}
    settings |= {"extend": False, "horizon": 1}
    if steps is not None:
        settings["test_horizon"] = steps
    if windows is not None:
        settings["val_windows"] = windows
    if data is None:
        try:
            return checkpoint.build(trained.path, mpp.PhysicsData, settings)
        except ValueError as error:
            raise ValueError(f"{error}; {MOVED}") from error
    settings |= {"files": [data], "simulate": None, "mixture": "round_robin"}
    settings |= {"splits": {"train": 0.0, "val": 0.0, "test": 1.0}}
    with said_as("data", "files[0]"):
        return mpp.PhysicsData(**settings)


def measure(trained: Trained, data: "PhysicsData") -> Iterator[tuple[Comparison, "Part"]]:
    """Measure a network on the test windows of every system, one after the other.

    Args:
        trained: The checkpoint.
        data: As :func:`open_data` gives them.

    Yields:
        The errors on a system, and its windows.

    Raises:
        ValueError: If a window cannot be read, or the network does not know a field.
    """
    for loader in data.test_dataloader():
        assert isinstance(loader.dataset, MixtureWindows)
        (part,) = loader.dataset.parts
        trained.rows(part.windows.trajectories)
        description = part.windows.trajectories.description
        yield compare(data.systems[part.system], description, loader, trained.predict), part


def show(trained: Trained, name: str, part: "Part") -> Shown:
    """The longest rollout from the beginning of the first trajectory, up to 30 steps.

    Args:
        trained: The checkpoint.
        name: Of the system.
        part: Its windows.

    Returns:
        What pictures and films show.
    """
    source, history = part.windows.trajectories, part.windows.history
    longest = Windows(
        source, part.windows.chosen[:1].tolist(), history, min(FILMED, source.frames - history)
    )
    past, future = (np.empty(shape, np.float32) for shape in longest.shapes)
    longest.fill(0, past, future)
    description = source.description
    frames, target = torch.from_numpy(past)[None], torch.from_numpy(future)[None]
    answer = trained.predict(Batch(frames, target, part.rows, description.boundaries, part.system))
    start = (history - 1) * description.dt
    return Shown(name, description, future, answer[0].numpy(), start)


def _steps(reported: int, shown: int) -> list[int]:
    """Up to four steps for a picture: the first, the last reported, one more and the last."""
    last = shown - 1
    return sorted({0, min(reported - 1, last), (reported + last) // 2, last})


def _summary(data: "PhysicsData") -> str:
    return (
        f"Each rollout starts from {data.history} true frames; from then on the model sees its own "
        "answers alone. Persistence repeats the last true frame, linear extrapolation goes on with "
        "the last true change. Fields and steps are listed one by one: a mean would hide one that "
        "fails."
    )
