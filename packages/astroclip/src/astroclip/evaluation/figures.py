"""Figures of an evaluation: samples, map of the embeddings, galleries, recall, redshifts."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from sklearn.manifold import TSNE
from torch import Tensor

from astroclip.evaluation.comparison import CCA, Found, Galaxies
from astroclip.evaluation.probes import Reading
from astroclip.inference.galaxy_plots import FLUX, WAVELENGTH, framed, name_lines, spectrum, stamp
from astroclip.inference.nearest import nearest
from astroclip.metrics import MORPHOLOGY, REDSHIFT, ranks
from sciformer.report.figures import BASELINE, BLUE, INK, VERMILION, WIDE, add_legend, figure
from sciformer.report.report import Report
from sciformer.text import counted

SAMPLES = 5
MAPPED = 500  # galaxies, of each an image and a spectrum
QUERIES, ANSWERS = 4, 4
TICKS = (4000, 6000, 8000)  # Angstrom
ROOM = 1.45  # of the axis of redshifts, so that nothing is behind the legend
IN_WORDS = {"image_to_spectrum": "image to spectra", "spectrum_to_image": "spectrum to images"}


def add_samples(report: Report, test: Galaxies, morphologies: Sequence[str] = ()) -> None:
    """Show images and spectra of some galaxies."""
    rows = spread(test, SAMPLES)
    batch = kept(test)
    with figure(1.35 * len(rows) + 0.3, WIDE) as drawn:
        grid = drawn.subplots(len(rows), 2, width_ratios=(1, 5.4), squeeze=False)
        for row, (left, right) in zip(rows, grid, strict=True):
            redshift = label(test, REDSHIFT, row)
            stamp(left, batch.image[row], described(test, row, morphologies))
            spectrum(right, batch.flux[row], batch.ivar[row], redshift)
            name_lines(right, redshift)
            right.tick_params(labelbottom=row == rows[-1])
        grid[-1][1].set_xlabel(WAVELENGTH)
        grid[len(rows) // 2][1].set_ylabel(FLUX)
        drawn.align_ylabels(grid[:, 1])  # left of the widest numbers
    report.add_figure(
        "Galaxies of the test",
        drawn,
        f"Evenly spread in redshift. Left: z, r and g as red, green and blue, by an asinh stretch; "
        f"{batch.image.shape[-1]} pixels of 0.262 arcsec. Right: the spectrum, averaged to 512 "
        "points; gray marks: lines at the true redshift.",
    )


def add_map(report: Report, test: Galaxies) -> None:
    """Draw a two-dimensional map of the embeddings of images and spectra."""
    rows = np.arange(min(MAPPED, len(test)))
    vectors = test.embeddings.vectors
    both = np.concatenate([vectors["image_z"][rows], vectors["spectrum_z"][rows]])
    places = TSNE(
        init="pca", perplexity=min(30, len(rows) / 2), max_iter=500, random_state=0
    ).fit_transform(both)
    color = test.embeddings.labels.get(REDSHIFT, np.full(len(test), np.nan))[rows]
    known = bool(np.isfinite(color).any())
    with figure(3.6, WIDE) as drawn:
        panels = drawn.subplots(1, 2, sharex=True, sharey=True)
        shades = Normalize(*np.nanpercentile(color, [1, 99])) if known else None
        parts = zip(panels, ("images", "spectra"), np.split(places, 2), strict=True)
        for axes, title, own in parts:
            others = axes.plot(*places.T, ".", color=BASELINE, markersize=1.5, zorder=0)
            others[0].set_rasterized(True)
            others[0].set_label("the other kind")
            shown = axes.scatter(*own.T, c=color if known else BLUE, s=9, linewidths=0, norm=shades)
            shown.set_rasterized(True)
            axes.set(title=title, xticks=[], yticks=[], xlabel="first axis of t-SNE (no unit)")
            axes.grid(False)
        panels[0].set_ylabel("second axis of t-SNE (no unit)")
        add_legend(drawn, 1, "outside lower left", marks=4)
        if known:
            drawn.colorbar(ScalarMappable(shades), ax=panels, label=REDSHIFT, extend="both")
    report.add_figure(
        "Map of the embeddings",
        drawn,
        f"Images and spectra of {counted(len(rows), 'galaxy', 'galaxies')} in the space of "
        "both (z), brought to two dimensions together by t-SNE, so that a place means the same in "
        "both panels.",
    )


def add_galleries(report: Report, test: Galaxies) -> None:
    """Show queries of one modality and their nearest neighbors in the other."""
    rows = spread(test, QUERIES)
    for way, query, answer in (
        ("image_to_spectrum", "image", "spectrum"),
        ("spectrum_to_image", "spectrum", "image"),
    ):
        vectors = test.embeddings.vectors
        pool = torch.from_numpy(vectors[f"{answer}_z"])
        asked = torch.from_numpy(vectors[f"{query}_z"][rows])
        found = nearest(asked, pool, min(ANSWERS, len(pool))).number.numpy()
        rank = ranks(torch.from_numpy(vectors[f"{query}_z"]), pool)[rows].tolist()
        _add_gallery(
            report, test, {row: k + 1 for row, k in zip(rows, rank, strict=True)}, found, way
        )


def _add_gallery(
    report: Report, test: Galaxies, rows: Mapping[int, int], found: np.ndarray, way: str
) -> None:
    """Draw queries with their nearest neighbors, and the rank of each query's partner."""
    images = way == "spectrum_to_image"
    ratios = (2.2 if images else 1.0, *[1.0 if images else 1.6] * found.shape[1])
    with figure(1.45 * len(rows), WIDE) as drawn:
        grid = drawn.subplots(len(rows), len(ratios), width_ratios=ratios, squeeze=False)
        for (row, rank), numbers, (first, *others) in zip(rows.items(), found, grid, strict=True):
            panel(first, test, row, "spectrum" if images else "image")
            first.set_ylabel(f"own: no. {rank}", fontsize=8)
            for axes, number in zip(others, numbers.tolist(), strict=True):
                panel(axes, test, number, "image" if images else "spectrum")
                if number == row:
                    framed(axes)
        for axes in grid[-1][:1] if images else grid[-1][1:]:
            axes.set(xticks=TICKS, xlabel=WAVELENGTH)
    report.add_figure(
        f"From {IN_WORDS[way]}",
        drawn,
        f"Left: queries, evenly spread in redshift, and where in the list their own partner comes; "
        f"beside each the nearest {found.shape[1]} of {len(test)}, best first. Framed in green: "
        "that of the same galaxy. Spectra: flux, each on its own scale; gray marks: lines at the "
        "redshift.",
        _told(test, rows, found, way),
        first=not images,
    )


def _told(test: Galaxies, rows: Mapping[int, int], found: np.ndarray, way: str) -> str:
    """What a gallery shows, in words."""
    parts = []
    for (row, rank), numbers in zip(rows.items(), found, strict=True):
        near = ", ".join(f"{label(test, REDSHIFT, number):.3f}" for number in numbers.tolist())
        parts.append(
            f"query at redshift {label(test, REDSHIFT, row):.3f}: answers at {near}, its own "
            f"partner is number {rank}"
        )
    return f"Gallery, from {IN_WORDS[way]}. {'; '.join(parts)}."


def panel(axes: Axes, test: Galaxies, row: int, kind: str) -> None:
    """Draw one galaxy in a gallery.

    Args:
        axes: Axes to draw on.
        test: Galaxies whose images and spectra were kept.
        row: Index of the galaxy.
        kind: Draw its image or its spectrum.
    """
    batch, redshift = kept(test), label(test, REDSHIFT, row)
    title = f"z = {redshift:.3f}" if np.isfinite(redshift) else ""
    if kind == "image":
        stamp(axes, batch.image[row], title)
    else:
        spectrum(axes, batch.flux[row], batch.ivar[row], redshift)
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=8, pad=3)


def add_recall(report: Report, found: Sequence[Found]) -> None:
    """Recall at k in both directions: fraction of partners among the k nearest."""
    count = len(found[0].ranks)
    k = np.unique(np.geomspace(1, count, 60).round())
    colors = {"image_to_spectrum": BLUE, "spectrum_to_image": VERMILION}
    with figure(3.8) as drawn:
        axes = drawn.add_subplot()
        for each in found:
            share = (each.ranks[:, None] < k).mean(0)
            style, more = ("--", ", linear CCA") if each.method == CCA else ("-", "")
            axes.plot(k, share, style, color=colors[each.way], label=IN_WORDS[each.way] + more)
        axes.plot(k, k / count, ":", color=INK, label="chance", linewidth=1)
        axes.set(xscale="log", xlabel=f"k, of {counted(count, 'galaxy', 'galaxies')}")
        axes.set(ylabel="recall at k (share of galaxies)", ylim=(0, 1.02))
        add_legend(drawn, 2)
    report.add_figure(
        "Recall",
        drawn,
        "The share of galaxies whose own spectrum (image) is among the k nearest of all to their "
        "image (spectrum).",
    )


def add_redshifts(report: Report, found: Sequence[Reading]) -> None:
    """Predicted against true redshifts."""
    own = {each.way: each for each in found if each.label == REDSHIFT}
    pairs = [
        ("from images", "image_z", "baseline_photometry", "photometry"),
        ("from spectra", "spectrum_h", "baseline_pca", "20 components"),
        ("image among spectra", "image_to_spectrum", None, ""),
    ]
    with figure(3.1, WIDE) as drawn:
        panels = drawn.subplots(1, len(pairs), sharex=True, sharey=True)
        for axes, (title, way, rival, name) in zip(panels, pairs, strict=True):
            ends = [own[way].truth.min(), own[way].truth.max()]
            axes.plot(ends, ends, color=INK, linewidth=0.8, label="perfect answer")
            if rival in own:
                _points(axes, own[rival], BASELINE, name)
            _points(axes, own[way], BLUE, "embedding")
            low, high = axes.get_xlim()
            axes.set(title=title, xlabel="true redshift", ylim=(low, low + ROOM * (high - low)))
            axes.legend(loc="upper left", markerscale=3, handletextpad=0.1)
        panels[0].set_ylabel("predicted redshift")
    report.add_figure(
        "Redshift, predicted against true",
        drawn,
        "By the nearest 16 of the bank: from images by z, from spectra by h, and from an image by "
        "the spectra that are nearest to it. Gray: gradient boosting of the aperture photometry; "
        "the nearest 16 among principal components of the spectra.",
    )


def _points(axes: Axes, each: Reading, color: str, name: str) -> None:
    text = f"{name}: R2 = {each.scores['r2']:.3f}"
    drawn = axes.plot(each.truth, each.answers, ".", color=color, markersize=2, label=text)
    drawn[0].set_rasterized(True)


def spread(test: Galaxies, count: int) -> list[int]:
    """Select galaxies evenly spread in redshift, or in their order if it is unknown.

    Args:
        test: The galaxies.
        count: Number of galaxies to select.

    Returns:
        Their indices.
    """
    redshift = test.embeddings.labels.get(REDSHIFT)
    known = np.arange(len(test))
    if redshift is not None and np.isfinite(redshift).any():
        known = np.argsort(redshift)[: int(np.isfinite(redshift).sum())]
    count = min(count, len(known))
    return known[((np.arange(count) + 0.5) * len(known) / count).astype(int)].tolist()


class Kept(NamedTuple):
    """Galaxies with images and spectra.

    Args:
        image: Nanomaggies in g, r and z.
        flux: Spectra, in the survey's pixels or in bins.
        ivar: Inverse variance of ``flux``.
    """

    image: Float32[Tensor, "batch 3 height width"]
    flux: Float32[Tensor, "batch pixels"]
    ivar: Float32[Tensor, "batch pixels"]


def kept(test: Galaxies) -> Kept:
    """Images and spectra of test galaxies, which must have been kept."""
    batch = test.batch
    assert batch is not None, "not kept"
    assert batch.image is not None
    assert batch.flux is not None
    assert batch.ivar is not None
    return Kept(batch.image, batch.flux, batch.ivar)


def label(test: Galaxies, name: str, row: int) -> float:
    """Label of a galaxy; NaN where unknown."""
    values = test.embeddings.labels.get(name)
    return float("nan") if values is None else float(values[row])


def described(test: Galaxies, row: int, morphologies: Sequence[str]) -> str:
    """Title above a galaxy."""
    redshift, kind = label(test, REDSHIFT, row), label(test, MORPHOLOGY, row)
    parts = [f"z = {redshift:.3f}"] if np.isfinite(redshift) else []
    parts += [morphologies[int(kind)]] if morphologies and np.isfinite(kind) else []
    return ", ".join(parts)
