"""``astroclip inspect``: print what is understood of files of galaxies."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from astroclip.data.batch import Galaxy
from astroclip.data.entry import Files
from astroclip.data.on_error import Bad, sound
from astroclip.data.readers.crossmatch import Paired
from astroclip.data.readers.labels import Labelled
from astroclip.data.readers.open import Opened, entries, open_entry
from astroclip.data.source import Source
from astroclip.inference.search_figure import Row, cut, write_sheet
from astroclip.inference.search_list import check_format
from astroclip.survey import BANDS
from sciformer.arguments import inside
from sciformer.files import new_file
from sciformer.text import counted, printable

DRAWN = 6  # galaxies in the figure
LISTED = 20  # files, or ids


def inspect(
    files: Files, kind: str | None = None, out: str | None = None, overwrite: bool = False
) -> None:
    """Print what is understood of files of galaxies: nothing is trained, embedded or changed.

    For each group of files: what it is, how many galaxies, ids, bands, pixel size, unit and zero
    point, wavelengths, masks, redshifts, labels, what is assumed; which files are left out and why.
    Of a file that cannot be read as it is (a field without a catalog, an unknown layout), it prints
    what is missing.

    Args:
        files: Path or glob pattern of files, or a table, as ``astroclip embed --files`` takes them.
        kind: What the files are, instead of detecting it; only for a path.
        out: Figure of the first galaxies to write, ``.png``, ``.svg`` or ``.pdf``.
        overwrite: Replace an existing figure.

    Raises:
        ValueError: If nothing can be read; the message says what is there or missing.
    """
    if out is not None:
        check_format(out)
        new_file(out, overwrite)
    shown: list[Row] = []
    for entry in entries(files):
        with inside("files", entry):
            opened = open_entry(entry, kind, "skip")
        name = entry if isinstance(entry, str) else ", ".join(f"{k} {v}" for k, v in entry.items())
        for line in described(opened, name):
            print(printable(line))  # noqa: T201  # what the verb answers
        bad: list[Bad] = []
        for _, galaxy in sound(opened.source, "skip", bad.append):
            if len(shown) < DRAWN:
                shown.append(Row(cut(galaxy), galaxy.id))
            else:
                break
        for each in bad:
            print(printable(f"  bad: {each.reason}"))  # noqa: T201
    if out is not None and shown:
        write_sheet(out, shown)
        print(out)  # noqa: T201


def described(opened: Opened, name: str) -> Iterator[str]:
    """Lines about an entry.

    Args:
        opened: What it holds.
        name: The entry.

    Yields:
        One line for the whole, then those of each group of files (of those that are like the
            one before, what differs), then the files left out.
    """
    source = opened.source
    what = " and ".join(name for name in ("images", "spectra") if getattr(source, name))
    yield f"{name}: {counted(len(source), 'galaxy', 'galaxies')} with {what}"
    yield from _lines(_whole(source))
    before: Mapping[str, str] = {}
    where = ""
    for part in opened.parts:
        facts = dict(part.facts())
        yield f"  {part.where}: {facts.pop('kind', 'galaxies')}"
        facts |= {p.name: why for p, why in part.beside.items() if p.name not in str(facts)}
        told = {key: value for key, value in facts.items() if before.get(key) != value}
        if before.keys() == facts.keys():
            told["all else"] = f"as of {where}"
        else:
            first = next((galaxy for _, galaxy in sound(part, "skip")), None)
            told = facts | ({} if first is None else dict(measured(first)))
            before, where = facts, part.where
        yield from _lines(told, "    ")
    yield from _files("left out", opened.left_out)
    yield from _files("cannot be used", opened.broken)


def measured(galaxy: Galaxy) -> Mapping[str, str]:
    """Sizes and typical values of a galaxy, in our units."""
    told = {"first": f"id {galaxy.id}"}
    if galaxy.image is not None:
        rows, columns = galaxy.image.shape[1:]
        empty = np.mean(galaxy.image == 0)
        peaks = ", ".join(
            f"{band} {plane.max():.3g} ({np.median(plane):.2g})"
            for band, plane in zip(BANDS, galaxy.image, strict=True)
        )
        told["its image"] = f"{columns} x {rows} pixels; {empty:.1%} are 0, without measurement"
        told["its peaks"] = f"{peaks} nanomaggies (median)"
    if galaxy.flux is not None and galaxy.ivar is not None:
        known = galaxy.ivar > 0
        flux, noise = np.median(galaxy.flux[known]), np.median(galaxy.ivar[known]) ** -0.5
        told["its spectrum"] = (
            f"{known.mean():.1%} of 3600 to 9824 A measured; median {flux:.3g}, noise {noise:.3g} "
            "(1e-17 erg / s / cm2 / A)"
        )
    labels = (f"{name} {value:.5g}" for name, value in galaxy.labels.items())
    if galaxy.labels:
        told["its labels"] = ", ".join([*labels][:LISTED])
    return told


def _whole(source: Source) -> Mapping[str, str]:
    ids = source.ids
    told = {"ids": ", ".join(ids[:3]) + ", ..." * (len(ids) > 3)}
    again = len(ids) - len(set(ids))
    if again:
        told["repeated"] = (
            f"{again} galaxies have the id of another one; they share its split, and arms of a "
            "spectrum that are in files of their own are not joined"
        )
    own = source.source if isinstance(source, Labelled) else source
    if isinstance(own, Paired):
        told["pairs"] = own.facts()["pairs"]
    if source.labels:
        named_classes = source.classes
        told["labels"] = ", ".join(
            f"{name} ({', '.join(named_classes[name])})" if name in named_classes else name
            for name in source.labels
        )
    return told


def _lines(facts: Mapping[str, str], indent: str = "  ") -> Iterator[str]:
    width = max((len(key) for key in facts), default=0)
    for key, value in facts.items():
        yield f"{indent}{key:<{width}}  {value}"


def _files(what: str, files: Mapping[Path, str]) -> Iterator[str]:
    shown: Sequence[tuple[Path, str]] = [*files.items()][:LISTED]
    for path, why in shown:
        yield f"  {what}: {why if str(path) in why else f'{path.name}: {why}'}"
    if len(files) > LISTED:
        yield f"  {what}: {len(files) - LISTED} more files"
