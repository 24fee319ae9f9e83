"""Write predictions to one file: each sample once, with its id."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor

from sciformer.arguments import ArgumentError
from sciformer.files import new_file, write_atomically
from sciformer.training.distributed.agreement import Agreement

NPZ, PARQUET = ".npz", ".parquet"
Columns = dict[str, Shaped[np.ndarray, "samples ..."]]


class PredictionFile(BasePredictionWriter):
    """Write the results of ``predict_step`` by name, as ``.npz`` or ``.parquet``.

    An ``.npz`` file holds ``<set>/<name>`` and ``<set>/id``, arrays with samples along the first
    axis. A ``.parquet`` file has one row per sample: ``set``, ``id`` and a column for each name,
    vectors as lists. Rank 0 gathers the predictions of all ranks and writes.

    Args:
        out: Output file.
        overwrite: Allow an existing file to be replaced.

    Raises:
        ArgumentError: If the suffix is unknown, the file exists, or it cannot be written.
    """

    def __init__(self, out: str, overwrite: bool = False) -> None:
        super().__init__("batch")
        if Path(out).suffix not in (NPZ, PARQUET):
            raise ArgumentError("out", f"{out} ends neither in {NPZ} nor in {PARQUET}")
        self.out = new_file(out, overwrite)
        self.found: dict[int, list[tuple[Sequence[int], dict[str, Tensor]]]] = {}

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.agreement = Agreement()

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: Mapping[str, Tensor],
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        assert batch_indices is not None  # all of our loaders take numbers of samples
        kept = {name: value.detach().cpu() for name, value in prediction.items()}
        self.found.setdefault(dataloader_idx, []).append((batch_indices, kept))

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        everyone = self.agreement.gathered(self.found)
        if everyone is None:
            return
        sets = trainer.datamodule.predicted  # pyright: ignore[reportAttributeAccessIssue]
        found = {}
        for number, (name, ids) in enumerate(sets.items()):
            parts = [part for rank in everyone for part in rank.get(number, [])]
            found[name] = in_order(parts, ids)
        save(found, self.out)


def in_order(
    parts: Sequence[tuple[Sequence[int], Mapping[str, Tensor]]], ids: Sequence[str]
) -> Columns:
    """Sort batches of predictions by sample.

    Args:
        parts: Sample indices and predictions of each batch. Arrays of different sizes are padded
            with NaN, or with -1 for integers.
        ids: Ids of all samples.

    Returns:
        ``id``, and the predictions by name.
    """
    numbers = np.concatenate([np.asarray(part[0]) for part in parts])
    place = np.argsort(numbers)
    assert np.array_equal(numbers[place], np.arange(len(ids))), "each sample is predicted once"
    columns: Columns = {"id": np.array([str(name) for name in ids])}
    for name in dict.fromkeys(name for _, predicted in parts for name in predicted):
        whole = _joined([predicted[name] for _, predicted in parts])
        columns[name] = whole[place, 0] if whole.shape[1:] == (1,) else whole[place]
    return columns


def _joined(parts: Sequence[Tensor]) -> Shaped[np.ndarray, "samples ..."]:
    largest = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
    floating = parts[0].is_floating_point()
    dtype = torch.promote_types(parts[0].dtype, torch.float32) if floating else parts[0].dtype
    whole = torch.full((sum(map(len, parts)), *largest), torch.nan if floating else -1, dtype=dtype)
    for target, part in zip(whole.split([len(part) for part in parts]), parts, strict=True):
        target[(slice(None), *map(slice, part.shape[1:]))] = part
    return whole.numpy()


def save(found: Mapping[str, Columns], out: Path) -> None:
    """Write predictions to a file.

    Args:
        found: Set -> columns.
        out: Output file; its suffix gives the format.

    Raises:
        ValueError: For parquet, if an array has more than one axis besides the samples.
    """
    if out.suffix == NPZ:
        arrays = {
            f"{name}/{key}": x for name, columns in found.items() for key, x in columns.items()
        }
        write_atomically(out, lambda beside: _save_npz(beside, arrays))
        return
    write_atomically(out, lambda beside: _save_parquet(beside, found, out))


def _save_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:  # savez would add an ending to a path
        np.savez(file, **arrays)


def _save_parquet(path: Path, found: Mapping[str, Columns], out: Path) -> None:
    try:
        import pyarrow  # an extra
        from pyarrow import parquet
    except ImportError as error:
        raise ValueError(
            f"out: {out} needs pyarrow: pip install 'sciformer[parquet]'; {NPZ} does not"
        ) from error
    tables = []
    for name, columns in found.items():
        for key, values in columns.items():
            if values.ndim > 2:
                axes = f"{values.ndim - 1} axes for each sample"
                raise ValueError(f"out: {out}: {name}/{key} has {axes}; write an {NPZ}")
        listed = {key: list(x) if x.ndim > 1 else x for key, x in columns.items()}
        tables.append(pyarrow.table({"set": [name] * len(columns["id"]), **listed}))
    parquet.write_table(pyarrow.concat_tables(tables, promote_options="default"), path)
