"""Intervals of a run's answers, from texts that its training did not see."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sciformer.evaluation.conformal import SHARE
from sciformer.evaluation.run import TrainedRun
from xval.data.datamodule import TextData
from xval.data.sources import SPLITS
from xval.nn.intervals import Intervals

if TYPE_CHECKING:
    from xval.module import XValModule

FRESH = 500  # simulated texts of a set
LATER = 1_000_003  # added to the seeds of the training


def calibrated(run: "TrainedRun[XValModule]", share: float = SHARE) -> Intervals | None:
    """Calibrate the intervals of a run's answers on its validation texts.

    The checkpoint was chosen on these texts, so that the intervals are a little too narrow. Where
    all texts of the training were simulated, further ones are, with other seeds.

    Args:
        run: The run.
        share: Share of the true values inside.

    Returns:
        The intervals; None, with a warning, if the files of the training are gone, or there are no
        texts for validation.
    """
    if not any(run.settings.get(name) for name in ("sets", "files", "shards")):
        return None  # weights of the original say nothing of texts
    simulated = not (run.settings.get("files") or run.settings.get("shards"))
    try:
        data = run.data(TextData, workers=0, **(_others(run.settings) if simulated else {}))
        splits = [split for split in SPLITS[:3] if simulated or split == "val"]
        texts = [each for each in map(data.texts_of, splits) if len(each)]
        batches = [batch for each in texts for batch in each.batches(data.batch_size)]
        return run.module.intervals(batches, share, only_numbers=True)
    except ValueError as error:
        warnings.warn(f"no intervals: {error}", stacklevel=2)
        return None


def _others(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of some texts of the same sets, with other seeds."""
    given = settings.get("sets") or ()
    every: list[dict[str, Any]] = [{"set": x} if isinstance(x, str) else dict(x) for x in given]
    sets = [x for x in every if x.get("split") != "test"]  # often out of distribution
    for each in sets:
        each["count"] = min(FRESH, each.get("count") or FRESH)
        if each.get("seed") is not None:
            each["seed"] += LATER
    return {"sets": sets, "seed": (settings.get("seed") or 0) + LATER}
