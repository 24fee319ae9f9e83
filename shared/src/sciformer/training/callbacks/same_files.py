"""Say where the files of the data change: while a run trains, or before it resumes."""

import warnings
from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from sciformer.report.origin import data_hashes, data_times

NAMES = ("files", "shards")  # settings of data that name what is read


class SameFiles(Callback):
    """Warn of files that are not those that the run began with; checkpoints keep their hashes.

    Args:
        settings: Settings of the data.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.named = [settings.get(name) for name in NAMES]
        self.began: dict[str, str] = {}
        self.times: dict[str, list[tuple[int, int]]] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.began, self.times = data_hashes(self.named), data_times(self.named)

    def state_dict(self) -> dict[str, Any]:
        if self.times != (now := data_times(self.named)):
            self.times = now
            self._compare(self.began, "while the run trains")
        return {"files": self.began}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        began = state_dict.get("files")
        if isinstance(began, Mapping):  # a checkpoint may come from anybody
            self._compare(began, "since the run began: it does not go on exactly")
            self.began = {**self.began, **began}

    def _compare(self, began: Mapping[str, str], when: str) -> None:
        now = data_hashes(self.named)
        for path, old in began.items():
            if path in now and now[path] != old:
                changed = f"data: {path}: has changed {when} ({old}, now {now[path]})"
                warnings.warn(changed, stacklevel=2)
