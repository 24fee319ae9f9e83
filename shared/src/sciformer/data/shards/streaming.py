"""Stream the samples of a folder of shards with WebDataset.

For users' own training loops that do not need a fixed order. Our trainings resume at any step with
any number of ranks, so they use ``ShardedDataset``.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from torch.utils.data import get_worker_info
from webdataset.pipeline import DataPipeline
from webdataset.shardlists import SimpleShardList
from webdataset.tariterators import tarfile_to_samples

from sciformer.data.shards.dataset import complete, names_of
from sciformer.data.shards.index import INDEX, Index, key_of, number_of
from sciformer.data.shards.store import Folder
from sciformer.data.shards.tar import decode, scan


def stream(
    folder: str | Path, sample: type[Any] = dict, rank: int = 0, world: int = 1
) -> DataPipeline:
    """Stream the samples of a folder through WebDataset, if their order does not matter.

    Whole shards are assigned to ranks and workers in turn, so ranks differ in their number of
    samples: if every rank must take the same number of steps, use ``ShardedDataset``. Headers are
    checked before a shard is read; checksums are not checked.

    Args:
        folder: Folder written by ``write_shards``: a path, or an address that fsspec supports.
        sample: Type of a sample: ``dict``, or a NamedTuple, whose fields are then the only ones
            decoded.
        rank: Rank of this process.
        world: Number of processes.

    Returns:
        An iterable dataset for any number of DataLoader workers.
    """
    source = Folder(folder).check()
    names = names_of(source.index, sample, source.address)
    return DataPipeline(
        SimpleShardList([shard.file for shard in source.index.shards]),
        partial(_share, rank=rank, world=world),
        partial(_checked, folder=source),
        tarfile_to_samples(),
        partial(_decoded, names=names, sample=sample, index=source.index),
    )


def _share(sources: Iterable[Any], rank: int, world: int) -> Iterator[Any]:
    info = get_worker_info()
    worker, workers = (info.id, info.num_workers) if info else (0, 1)
    return islice(sources, rank * workers + worker, None, world * workers)


def _checked(sources: Iterable[Any], folder: Folder) -> Iterator[Any]:
    for source in sources:
        number = number_of(source["url"])
        path, keys = folder.path(number).absolute(), {}  # a dict, to keep their order
        for key, rest in scan(path):
            keys[key] = True
            if rest.partition(".")[0] not in folder.index.fields:
                raise ValueError(f"{path}: member {key}.{rest}: no such field in {INDEX}")
        if list(keys) != [key_of(sample) for sample in folder.index.recipe.samples(number)]:
            raise ValueError(f"{path}: holds {len(keys)} samples that are not those of {INDEX}")
        yield {**source, "url": str(path)}


def _decoded(
    samples: Iterable[Any], names: tuple[str, ...], sample: type[Any], index: Index
) -> Iterator[Any]:
    for raw in samples:
        where = f"{raw['__url__']}: sample {raw['__key__']}"
        values = {}
        for rest in raw:
            if (name := rest.partition(".")[0]) in names:
                values[name] = decode(rest, bytearray(raw[rest]), where)
        yield sample(**complete(values, names, index.fields, where))
