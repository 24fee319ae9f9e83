"""A Lightning trainer that writes and prints nothing."""

from lightning.pytorch import Trainer

SILENT = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
}


def silent_trainer(**options):
    """Trainer on one core; options replace these."""
    return Trainer(**{**SILENT, **options})
