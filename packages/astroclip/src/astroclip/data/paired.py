"""Images of one source and spectra of another, of the same galaxies."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64
from scipy.spatial import KDTree

from astroclip.data.batch import Galaxy
from astroclip.data.source import OnError, Positions, Source

SEPARATION = 1.0  # arcsec; the images and fibres of a galaxy are not farther apart
ARCSEC = np.pi / 180 / 3600
NAMED = 5  # ids in an error; a list of thousands helps nobody


class Paired(Source):
    """Galaxies that have an image in one source and a spectrum in another.

    They are joined by id, or, where the sources share no id (surveys number for themselves), by
    position on the sky, within 1 arcsec. The id is that of the spectrum.

    Args:
        images: Has images.
        spectra: Has spectra.
        on_error: Whether a galaxy that is in one source alone is an error, or is left out.

    Raises:
        ValueError: Naming ids that are in one source alone, or twice in one.
    """

    def __init__(self, images: Source, spectra: Source, on_error: OnError = "raise") -> None:
        labels = dict.fromkeys([*images.labels, *spectra.labels])
        super().__init__(spectra.where, images=True, spectra=True, labels=tuple(labels))
        self.image_source, self.spectrum_source = images, spectra
        self.pairs = _by_id(images, spectra)
        if not len(self.pairs):
            self.pairs = _by_position(images, spectra)
        alone = [_alone(images, self.pairs[:, 0]), _alone(spectra, self.pairs[:, 1])]
        if not len(self.pairs) or (on_error == "raise" and any(alone)):
            raise ValueError("; ".join(filter(None, alone)))

    def __len__(self) -> int:
        return len(self.pairs)

    def id(self, number: int) -> str:
        return self.spectrum_source.id(int(self.pairs[number, 1]))

    def place(self, number: int) -> str:
        return self.spectrum_source.place(int(self.pairs[number, 1]))

    def positions(self) -> Positions | None:
        found = self.spectrum_source.positions()
        return None if found is None else found[self.pairs[:, 1]]

    def read(self, number: int) -> Galaxy:
        image, spectrum = self.pairs[number].tolist()
        seen, measured = self.image_source[image], self.spectrum_source[spectrum]
        return measured._replace(image=seen.image, labels={**seen.labels, **measured.labels})


class Labelled(Source):
    """Galaxies of a source, and what a table says of some of them.

    Args:
        source: The galaxies.
        table: Id -> name of a label -> its value.
    """

    def __init__(self, source: Source, table: Mapping[str, Mapping[str, float]]) -> None:
        names = [*source.labels, *(name for labels in table.values() for name in labels)]
        super().__init__(source.where, source.images, source.spectra, tuple(dict.fromkeys(names)))
        self.source, self.table = source, table

    def __len__(self) -> int:
        return len(self.source)

    def id(self, number: int) -> str:
        return self.source.id(number)

    def place(self, number: int) -> str:
        return self.source.place(number)

    def positions(self) -> Positions | None:
        return self.source.positions()

    def read(self, number: int) -> Galaxy:
        galaxy = self.source.read(number)
        return galaxy._replace(labels={**galaxy.labels, **self.table.get(galaxy.id, {})})


def _numbers(source: Source) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for number, id in enumerate(source.ids):
        if numbers.setdefault(id, number) != number:
            raise ValueError(f"{source.where}: id {id} is there twice")
    return numbers


def _by_id(images: Source, spectra: Source) -> np.ndarray:
    """Numbers of image and spectrum, (pair, 2), in the order of the spectra."""
    first, second = _numbers(images), _numbers(spectra)
    pairs = [(first[id], number) for id, number in second.items() if id in first]
    return np.array(pairs, np.int64).reshape(-1, 2)


def _by_position(images: Source, spectra: Source) -> np.ndarray:
    first, second = images.positions(), spectra.positions()
    if first is None or second is None:
        return np.empty((0, 2), np.int64)
    farthest = 2 * np.sin(SEPARATION * ARCSEC / 2)
    distance, nearest = KDTree(_on_sphere(first)).query(
        _on_sphere(second), distance_upper_bound=farthest
    )
    (found,) = np.nonzero(np.isfinite(distance))
    return np.stack([np.asarray(nearest)[found], found], 1)


def _on_sphere(positions: Positions) -> Float64[np.ndarray, "galaxies 3"]:
    ra, dec = np.radians(positions).T
    return np.stack([np.cos(ra) * np.cos(dec), np.sin(ra) * np.cos(dec), np.sin(dec)], 1)


def _alone(source: Source, paired: Sequence[int] | np.ndarray) -> str:
    """What to say of the galaxies of a source that have no partner."""
    alone = sorted(set(range(len(source))) - set(np.asarray(paired).tolist()))
    if not alone:
        return ""
    ids = ", ".join(source.id(number) for number in alone[:NAMED])
    more = ", ..." if len(alone) > NAMED else ""
    return f"{source.where}: ids: {ids}{more}: {len(alone)} of {len(source)} have no partner"
