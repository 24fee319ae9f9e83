"""Interface of all readers: galaxies by index; and checks that they can be used."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from astroclip.data.batch import Galaxy, Image, Spectrum
from astroclip.survey import BANDS, PIXELS
from sciformer.text import single_line

Facts = Mapping[str, str]  # what was understood of files: key -> one line
Positions = Float64[np.ndarray, "galaxies 2"]


class Source(ABC):
    """Galaxies read one by one from files; every process opens the files itself.

    Args:
        where: Name in errors: a path.
        images: Whether they have images.
        spectra: Whether they have spectra.
        labels: Names of the available labels.
    """

    def __init__(self, where: str, images: bool, spectra: bool, labels: Sequence[str] = ()) -> None:
        self.where = where
        self.images, self.spectra = images, spectra
        self.labels = tuple(labels)
        self.classes: Mapping[str, Sequence[str]] = {}  # label -> names of the numbered classes
        self.beside: dict[Path, str] = {}  # files that were read with these -> what they gave

    @abstractmethod
    def __len__(self) -> int:
        """Number of galaxies."""

    @abstractmethod
    def id(self, number: int) -> str:
        """Id of a galaxy, without reading it."""

    @abstractmethod
    def read(self, number: int) -> Galaxy:
        """Read a galaxy, resampled to our grids."""

    def place(self, number: int) -> str:
        """Describe a galaxy in an error."""
        return f"{self.where}: {self.id(number)}"

    def positions(self) -> Positions | None:
        """Right ascension and declination of all galaxies in degrees; None if not available."""
        return None

    def split(self, number: int) -> str:
        """Split of a galaxy in the files, such as ``train``; empty if they do not say it."""
        return ""

    def facts(self) -> Facts:
        """What was understood of the files, from the first of them, for ``astroclip inspect``.

        What was assumed, because the files do not say it, has the key ``assumed``.
        """
        return {}

    @property
    def ids(self) -> list[str]:
        """Ids of all galaxies, in order."""
        return [self.id(number) for number in range(len(self))]

    def __getitem__(self, number: int) -> Galaxy:
        if not 0 <= number < len(self):
            raise IndexError(f"{self.where}: no galaxy {number}; there are {len(self)}")
        place = self.place(number)
        with named(place):
            return checked(self.read(number), place)

    def __iter__(self) -> Iterator[Galaxy]:
        return (self[number] for number in range(len(self)))


class Wrapped(Source):
    """Base of sources that change the galaxies of another one.

    Args:
        source: The other source.
        labels: Names of the available labels; by default those of ``source``.
    """

    def __init__(self, source: Source, labels: Sequence[str] | None = None) -> None:
        names = source.labels if labels is None else labels
        super().__init__(source.where, source.images, source.spectra, names)
        self.classes, self.beside, self.source = source.classes, source.beside, source

    def __len__(self) -> int:
        return len(self.source)

    def id(self, number: int) -> str:
        return self.source.id(number)

    def place(self, number: int) -> str:
        return self.source.place(number)

    def positions(self) -> Positions | None:
        return self.source.positions()

    def split(self, number: int) -> str:
        return self.source.split(number)

    def facts(self) -> Facts:
        return self.source.facts()


class Subset(Wrapped):
    """Some galaxies of a source.

    Args:
        source: All galaxies.
        numbers: Indices of some of them.
        positions: Positions of all galaxies, if they were read before.
    """

    def __init__(
        self, source: Source, numbers: Sequence[int], positions: Positions | None = None
    ) -> None:
        super().__init__(source)
        self.numbers, self.known = numbers, positions

    def __len__(self) -> int:
        return len(self.numbers)

    def id(self, number: int) -> str:
        return self.source.id(self.numbers[number])

    def place(self, number: int) -> str:
        return self.source.place(self.numbers[number])

    def split(self, number: int) -> str:
        return self.source.split(self.numbers[number])

    def positions(self) -> Positions | None:
        known = self.source.positions() if self.known is None else self.known
        return None if known is None else known[np.asarray(self.numbers, np.int64)]

    def read(self, number: int) -> Galaxy:
        return self.source.read(self.numbers[number])


class Joined(Source):
    """Concatenated galaxies of several sources.

    Args:
        parts: Sources; at least one.

    Raises:
        ValueError: If some have images or spectra and others do not.
    """

    def __init__(self, parts: Sequence[Source]) -> None:
        first = parts[0]
        for part in parts[1:]:
            for name in ("images", "spectra"):
                if getattr(part, name) != getattr(first, name):
                    there, not_there = (part, first) if getattr(part, name) else (first, part)
                    raise ValueError(f"{not_there.where}: no {name}, but {there.where} has some")
        labels = dict.fromkeys(name for part in parts for name in part.labels)
        super().__init__(first.where, first.images, first.spectra, tuple(labels))
        names = dict.fromkeys(name for part in parts for name in part.classes)
        self.classes = {
            name: sorted({word for part in parts for word in part.classes.get(name, ())})
            for name in names
        }
        self.parts = list(parts)
        self.starts = np.cumsum([0, *map(len, parts)]).tolist()

    def __len__(self) -> int:
        return self.starts[-1]

    def _of(self, number: int) -> tuple[Source, int]:
        part = bisect_right(self.starts, number) - 1
        return self.parts[part], number - self.starts[part]

    def id(self, number: int) -> str:
        part, own = self._of(number)
        return part.id(own)

    def place(self, number: int) -> str:
        part, own = self._of(number)
        return part.place(own)

    def split(self, number: int) -> str:
        part, own = self._of(number)
        return part.split(own)

    def read(self, number: int) -> Galaxy:
        part, own = self._of(number)
        galaxy = part.read(own)
        words = {
            name: names[int(galaxy.labels[name])]
            for name, names in part.classes.items()
            if name in galaxy.labels
        }
        numbers = {name: float(self.classes[name].index(word)) for name, word in words.items()}
        return galaxy._replace(labels={**galaxy.labels, **numbers})

    def positions(self) -> Positions | None:
        found = [part.positions() for part in self.parts]
        if all(each is None for each in found):
            return None
        unknown = (np.full((len(part), 2), np.nan) for part in self.parts)
        return np.concatenate(
            [u if each is None else each for each, u in zip(found, unknown, strict=True)]
        )


@contextmanager
def named(place: str) -> Iterator[None]:
    """Turn any exception into a one-line ``ValueError`` that names the file.

    The message starts with ``place``, unless it contains the path already.

    Args:
        place: File, and optionally the object in it.

    Raises:
        ValueError: For any exception.
    """
    try:
        yield
    except Exception as error:
        said = single_line(str(error))
        if not isinstance(error, (ValueError, OSError)):
            said = f"{type(error).__name__}: {said}"
        paths = [part.partition(": ")[0] for part in place.split(", ")]
        known = any(path in said for path in paths)
        raise ValueError(said if known else f"{place}: {said}") from error


def checked(galaxy: Galaxy, place: str) -> Galaxy:
    """Replace values that are not finite by 0, and drop labels that are not finite.

    Pixels of a spectrum where flux or ivar is not finite, or ivar is not positive, get flux 0 and
    ivar 0.

    Args:
        galaxy: Galaxy as read from a file.
        place: Description for errors.

    Returns:
        The galaxy without NaN; the Legacy Surveys use 0 for missing pixels too.

    Raises:
        ValueError: If it has neither image nor spectrum, if its spectrum has a wrong number of
            pixels, no measured one or a flux of 0 in all of them, or if its image has a wrong shape
            or a band without a nonzero number.
    """
    image, flux, ivar = galaxy.image, galaxy.flux, galaxy.ivar
    if image is None and flux is None:
        raise ValueError(f"{place}: neither an image nor a spectrum")
    if image is not None:
        image = _checked_image(image, place)
    if flux is not None:
        assert ivar is not None
        flux, ivar = _checked_spectrum(flux, ivar, place)
    labels = {name: float(v) for name, v in galaxy.labels.items() if np.isfinite(v)}
    return Galaxy(galaxy.id, image, flux, ivar, labels)


def _checked_image(image: np.ndarray, place: str) -> Image:
    if image.ndim != 3 or len(image) != len(BANDS) or min(image.shape) < 1:
        raise ValueError(f"{place}: image: shape {image.shape} is not (3, height, width)")
    image = np.nan_to_num(image.astype(np.float32, copy=False), posinf=0.0, neginf=0.0)
    for band, plane in zip(BANDS, image, strict=True):
        if not plane.any():
            raise ValueError(f"{place}: image: band {band} is 0 or no number in every pixel")
    return image


def _checked_spectrum(flux: np.ndarray, ivar: np.ndarray, place: str) -> tuple[Spectrum, Spectrum]:
    for name, values in (("flux", flux), ("ivar", ivar)):
        if values.shape != (PIXELS,):
            raise ValueError(f"{place}: {name}: shape {values.shape} is not ({PIXELS},) pixels")
    flux, ivar = (np.asarray(each, np.float32) for each in (flux, ivar))
    measured = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
    if not measured.any():
        raise ValueError(f"{place}: ivar: 0 in every pixel whose flux is a number")
    if not flux[measured].any():
        raise ValueError(f"{place}: flux: 0 in every pixel that was measured")
    return np.where(measured, flux, np.float32(0)), np.where(measured, ivar, np.float32(0))
