"""``astroclip evaluate``: everything that can be asked of a checkpoint, on one page."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from astroclip.data.datamodule import GalaxyData
from astroclip.data.readers.open import Files
from astroclip.evaluation import figures, tables
from astroclip.evaluation.comparison import (
    CCA,
    CHANCE,
    KS,
    WAYS,
    Found,
    Galaxies,
    compare,
    gather,
    retrieval,
)
from astroclip.evaluation.probes import Reading
from astroclip.inference.encode import encode, open_module
from astroclip.metrics import REDSHIFT
from astroclip.simulate.galaxies import MORPHOLOGIES, VERSION, fingerprint
from sciformer.arguments import check_least
from sciformer.report.html import Cell, percent
from sciformer.report.report import Report, report_folder
from sciformer.training.checkpoints import checkpoint

BANK, TEST = 16_384, 1000  # galaxies
BATCH = 256
SUMMARY = (
    "Galaxies that were not trained on: is the spectrum of a galaxy found by its image, and its "
    "image by its spectrum, and what can be read off the embeddings of either? Beside it what one "
    "reaches without a network: gradient boosting of aperture photometry, neighbors among "
    "principal components of spectra, and linear canonical correlation."
)
MOVED = "if its files have moved, say where they are with --files or --shards"


def evaluate(
    path: str,
    out: str | None = None,
    files: Files | None = None,
    shards: str | None = None,
    bank: int | None = None,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write what a network knows of galaxies that it has not seen, with pictures.

    Retrieval in both ways; redshift, mass, star formation, age, metallicity and morphology, as far
    as they are known, by the nearest of a bank and by MLPs, from images, spectra and across; all of
    it beside baselines.

    Args:
        path: A checkpoint, or a run's folder.
        out: Folder of ``metrics.json`` and ``index.html``; ``report`` beside the checkpoint
            where none is given.
        files: Galaxies of these files, as ``astroclip embed`` takes them, instead of the run's own.
        shards: Galaxies of a folder that ``astroclip simulate`` wrote instead.
        bank: Galaxies of the training to compare to; the run's own, 16,384 at most, if not given.
        device: ``cpu``, ``cuda`` or another of torch's; the GPU, where there is one, if not given.
        overwrite: Replace a report that is there.

    Raises:
        ValueError: If there is no such checkpoint, or its data cannot be read.
    """
    check_least(bank=(bank, 2))
    start = time.process_time()
    found = checkpoint.find(path)
    saved = checkpoint.read(found)
    module = open_module(found, device)
    folder = report_folder(out or found.parent / "report", overwrite)
    data = open_data(found, saved, files, shards, bank)
    look = partial(gather, partial(encode, module), labels=data.labels)
    with Console(stderr=True).status("looking at galaxies"):
        test = look(data.loader("test"), limit=TEST, keep=True)
        pool = look(data.loader("train"), limit=bank or BANK)
    run = checkpoint.run_record(saved) | origin(data)
    report = Report("AstroCLIP: images and spectra of galaxies in one space", run, SUMMARY)
    with Console(stderr=True).status("comparing"):
        fill(report, pool, test, MORPHOLOGIES if data.source is None else ())
    report.add_metrics({"evaluation/cpu_s": time.process_time() - start})
    page = report.write(folder)
    report.print()
    print(page)  # noqa: T201  # what the verb answers


def open_data(
    path: Path,
    saved: Mapping[str, Any],
    files: Files | None = None,
    shards: str | None = None,
    bank: int | None = None,
) -> GalaxyData:
    """The galaxies to evaluate on.

    Args:
        path: Of the checkpoint.
        saved: Its content.
        files: Other ones.
        shards: Other ones.
        bank: How many of the training are needed.

    Returns:
        Test and training, in order and each once.

    Raises:
        ValueError: If they cannot be read.
    """
    settings = dict(saved.get("datamodule_hyper_parameters") or {})
    given = files is not None or shards is not None
    if given:
        entries = files if isinstance(files, list) else [] if files is None else [files]
        settings |= {"files": entries, "shards": shards, "labels": None}
    settings |= {"pairs": bank or min(settings.get("pairs", BANK), BANK), "stream": False}
    settings |= {"workers": 0, "batch_size": BATCH}
    if given:
        return GalaxyData(**settings)
    try:
        return checkpoint.build(path, GalaxyData, settings)
    except ValueError as error:
        raise ValueError(f"{error}; {MOVED}") from error


def origin(data: GalaxyData) -> dict[str, str]:
    """Where the galaxies are from."""
    if data.source is not None:
        return {"galaxies": data.source.where}
    return {"generator": f"astroclip.simulate {VERSION}", "fingerprint": fingerprint()}


def fill(report: Report, bank: Galaxies, test: Galaxies, morphologies: Sequence[str] = ()) -> None:
    """Write everything into a report.

    Args:
        report: Where to.
        bank: Galaxies of the training.
        test: Others, which were kept.
        morphologies: Names of the classes.
    """
    found, read = retrieval(bank, test), compare(bank, test)
    report.add_metrics({"evaluation/galaxies": len(test), "evaluation/bank": len(bank)})
    report.add_metrics({"evaluation/encoding_cpu_ms": 1000 * test.cpu_s / len(test)})
    add_retrieval(report, found)
    for each in read:
        report.add_metrics(each.numbers())
    add_results(report, read)
    tables.add_readings(report, read, len(bank))
    figures.add_recall(report, found)
    if any(each.label == REDSHIFT for each in read):
        figures.add_redshifts(report, read)
    figures.add_galleries(report, test)
    figures.add_map(report, test)
    figures.add_samples(report, test, morphologies)


def add_retrieval(report: Report, found: Sequence[Found]) -> None:
    """Recall in both ways, beside linear maps and chance.

    Args:
        report: Where to.
        found: Ranks.
    """
    count = len(found[0].ranks)
    rows: list[list[Cell]] = []
    for each in found:
        end = "" if each.method == "model" else f"/{each.method}"
        named = {f"retrieval/recall_{k}/{each.way}{end}": s for k, s in each.recalls.items()}
        report.add_metrics(named | {f"retrieval/median_rank/{each.way}{end}": median(each)})
        name = figures.IN_WORDS[each.way] + (", linear CCA" if each.method == CCA else "")
        rows.append([name, *(percent(s, 1) for s in each.recalls.values()), f"{median(each):g}"])
    chance = {k: min(1.0, k / count) for k in KS}
    report.add_metrics({f"retrieval/recall_{k}/{CHANCE}": s for k, s in chance.items()})
    rows.append(["chance", *(percent(s, 1) for s in chance.values()), f"{(count + 1) / 2:g}"])
    columns = ("From", *(f"R@{k}" for k in KS), "median rank")
    note = f"The right one among all {count}; a rank of 1 is the best."
    report.add_table("Retrieval", columns, rows, note)
    shares = {(each.way, each.method): each.recalls[10] for each in found}
    for way in WAYS:
        linear = shares.get((way, CCA))
        beside = f"{percent(linear, 1)} (linear CCA)" if linear is not None else ""
        name = f"R@10 of {count}, from {figures.IN_WORDS[way]}"
        report.add_result(name, percent(shares[way, "model"], 1), beside)


def median(each: Found) -> float:
    """Median rank, where 1 is the best."""
    return float(np.median(each.ranks)) + 1


def add_results(report: Report, read: Sequence[Reading]) -> None:
    """What a network is judged by, beside the baseline of the same kind.

    Args:
        report: Where to.
        read: All answers.
    """
    own = {(each.label, each.way): each.scores for each in read}
    for label, way, rival in (
        (REDSHIFT, "spectrum_h", "baseline_pca"),
        (REDSHIFT, "image_z", "baseline_photometry"),
        (REDSHIFT, "image_to_spectrum", "baseline_photometry"),
        ("log_mass", "spectrum_h", "baseline_pca"),
        ("log_mass", "image_z", "baseline_photometry"),
    ):
        if (label, way) in own and (label, rival) in own:
            value, beside = (own[label, each]["r2"] for each in (way, rival))
            name = f"{tables.name(label)}, R2, from {tables.said(way)}"
            report.add_result(name, f"{value:.3f}", f"{beside:.3f} ({tables.said(rival)})")
