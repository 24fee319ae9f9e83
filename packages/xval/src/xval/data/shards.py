"""``xval simulate``: write simulated texts as shards, and read them."""

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

    An interrupted run resumes where it stopped. The bytes are the same for any number of workers.

    Args:
        out: Output folder.
        shards: Number of shard files; at most ``samples``.
        workers: Number of processes that write shards; 0 writes in the main process.
        set: Name of a built-in set.
        samples: Number of samples.
        seed: Seed of the samples.
        parameters: Parameters of the set that differ from the defaults.
        overwrite: Replace existing shards.

    Raises:
        ValueError: For an unknown set, a parameter out of range, or a folder with shards of another
            recipe.
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
    """Draw one sample, a pure function of the arguments.

    Args:
        number: Index of the sample.
        set: Name of a built-in set.
        seed: Seed of the samples.
        count: Number of samples in the set.
        parameters: All parameters of the set.

    Returns:
        ``text``, and ``labels`` for splits.
    """
    first = number // TOGETHER * TOGETHER
    found = _block(set, seed, first, min(TOGETHER, count - first), parameters)
    labels = {name: each[number - first] for name, each in found.labels.items()}
    return {"text": found.texts[number - first], "labels": labels}


@lru_cache(1)
def _block(set: str, seed: int, first: int, samples: int, parameters: Parameters) -> Texts:
    return text_set(set).simulate(seed, samples, first, dict(parameters))


class Shards:
    """Texts of a folder of shards.

    Args:
        folder: Path, or address that fsspec supports.

    Raises:
        ValueError: If the folder cannot be read or does not hold texts.
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
        """Read consecutive texts.

        Args:
            first: Index of the first text.
            stop: Index after the last text.

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
    """Names of the labels of a sample; empty if it has none."""
    return sorted(said) if isinstance(said, dict) else []
