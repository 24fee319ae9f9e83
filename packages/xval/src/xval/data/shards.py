"""Simulated texts on the disk: what the verb ``simulate`` writes and a training reads."""

from functools import lru_cache, partial
from typing import Any

from sciformer.data.shards.command import simulate as write
from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import JSON, Field, Recipe
from xval.simulate.registry import VERSION, text_set
from xval.simulate.text import Texts

GENERATOR = "xval.data.shards:make_sample"
TEXT = Field(JSON, (), "")
FIELDS = ("text", "labels")
TOGETHER = 256  # samples that are simulated at once

Parameters = tuple[tuple[str, float | int], ...]


def simulate(
    out: str = "data/xval",
    shards: int = 8,
    workers: int = 0,
    set: str = "planets",
    samples: int = 10_000,
    seed: int = 0,
    parameters: dict[str, float | int] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a simulated set as shards; ``fit --data.shards`` reads them.

    A run that was interrupted goes on where it stopped. The bytes are the same for any number of
    workers.

    Args:
        out: Folder of the shards.
        shards: Files that the samples are spread over; at most ``samples``.
        workers: Processes that write shards; 0 writes in this one.
        set: Name of a built-in set.
        samples: Number of samples.
        seed: Seed of the samples.
        parameters: Those of the set that differ from its default.
        overwrite: Replace the shards that are there.

    Raises:
        ValueError: For an unknown set, a parameter out of its range, or a folder with the shards of
            another recipe.
    """
    found = text_set(set)
    every = found.parameters_with(parameters or {})
    found.simulate(0, 1, parameters=every)  # complains before anything is written
    recipe = Recipe(
        GENERATOR, VERSION, seed, samples, shards, {}, {"set": set, "parameters": every}
    )
    make = partial(make_sample, set=set, seed=seed, count=samples, parameters=tuple(every.items()))
    write(out, make, recipe, workers, overwrite)


def make_sample(
    number: int, set: str, seed: int, count: int, parameters: Parameters
) -> dict[str, Any]:
    """One sample: a pure function of its number and the recipe.

    Args:
        number: Of the sample.
        set: Name of a built-in set.
        seed: Of the samples.
        count: Of all samples.
        parameters: All of the set.

    Returns:
        ``text``, and ``labels`` to split by.
    """
    first = number // TOGETHER * TOGETHER
    found = _block(set, seed, first, min(TOGETHER, count - first), parameters)
    labels = {name: each[number - first] for name, each in found.labels.items()}
    return {"text": found.texts[number - first], "labels": labels}


@lru_cache(1)
def _block(set: str, seed: int, first: int, samples: int, parameters: Parameters) -> Texts:
    return text_set(set).simulate(seed, samples, first, dict(parameters))


class Shards:
    """The texts of a folder of shards.

    Args:
        folder: A path, or an address that fsspec knows.

    Raises:
        ValueError: If the folder cannot be read, or holds something else.
    """

    def __init__(self, folder: str) -> None:
        self.data = ShardedDataset(folder)
        made, self.where = self.data.folder.made_by(GENERATOR, VERSION), self.data.folder.address
        if any(self.data.fields.get(name) != TEXT for name in FIELDS):
            raise ValueError(f"{self.where}: fields: {', '.join(FIELDS)} are needed, as JSON")
        try:
            self.set = text_set(made.options["set"])
            self.answers = self.set.asked(made.options["parameters"])
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ValueError(f"{self.where}: options {made.options} cannot be: {error}") from error

    def texts(self, first: int, stop: int) -> Texts:
        """Read some of them.

        Args:
            first: Number of the first one.
            stop: Number behind the last one.

        Returns:
            The texts.
        """
        samples = [self.data[number] for number in range(first, stop)]
        names = _labels(samples[0]["labels"])
        for number, sample in enumerate(samples, first):
            if not isinstance(sample["text"], str) or _labels(sample["labels"]) != names:
                raise ValueError(f"{self.where}: sample {number}: no text with labels {names}")
        labels = {name: [str(sample["labels"][name]) for sample in samples] for name in names}
        return Texts([sample["text"] for sample in samples], labels)


def _labels(said: Any) -> list[str]:
    """The names of labels, or none."""
    return sorted(said) if isinstance(said, dict) else []
