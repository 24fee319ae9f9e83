"""A Lightning trainer that writes and prints nothing, and a module that records its batches."""

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

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


class Recorder(LightningModule):
    """Learns nothing, and keeps the batches that it is given."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen, self.validated = [], []

    def training_step(self, batch, batch_idx):
        self.seen.append(batch)
        return self.weight.sum()

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        self.validated.append((dataloader_idx, batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.0)


def recorded(data, folder, steps, every=None, start=None):
    """Batches of some steps; a checkpoint ``step=N.ckpt`` every so many steps in the folder."""
    module, kept = Recorder(), ModelCheckpoint(folder, "{step}", every_n_train_steps=every)
    saved = {"enable_checkpointing": True, "callbacks": [kept]} if every else {}
    trainer = silent_trainer(max_steps=steps, num_sanity_val_steps=0, **saved)
    trainer.fit(module, data, ckpt_path=start, weights_only=True)
    return module
