"""Closing lines of a fit: folder, the metric that decides beside a baseline, time, what next."""

import shlex
from typing import Any

from lightning.pytorch import Trainer

from sciformer.cli.own_module import class_of
from sciformer.cli.project import Project
from sciformer.report.html import duration, number
from sciformer.training.callbacks.run_record import RunRecord
from sciformer.training.run_folder import KeepBest


def closing(project: Project, trainer: Trainer, model: Any, record: RunRecord) -> str:
    """Describe a finished fit.

    Args:
        project: Project of the run.
        trainer: Trainer of the fit.
        model: Its module.
        record: Cost of the run.

    Returns:
        Some lines.
    """
    root = trainer.default_root_dir
    metric, _ = model.monitor
    lines = [f"run folder   {root}", f"time         {duration(record.record()['wall_s'])}"]
    best = [one.best_model_score for one in trainer.checkpoint_callbacks if type(one) is KeepBest]
    value = next((one for one in best if one is not None), trainer.callback_metrics.get(metric))
    if value is not None:
        found = model.baseline() if trainer.world_size == 1 else None
        beside = f"   ({number(found[1])} by {found[0]})" if found else ""
        lines.insert(1, f"{metric:12} {number(float(value))}{beside}")
    if "evaluate" in project.verbs:
        own = "".join(f" --model {path}" for path in class_of(project).values())
        lines.append(f"next         {project.command} evaluate {shlex.quote(str(root))}{own}")
    return "\n".join(lines) + "\n"
