"""``sciformer export``: convert checkpoints to safetensors and back."""

from pathlib import Path

import torch

from sciformer.files import new_file, write_atomically
from sciformer.training.checkpoints.checkpoint import STAMP, find, read
from sciformer.training.checkpoints.safetensors import PLAIN, export_safetensors

# What is kept beside the weights: enough to evaluate, too little for a training to go on.
KEPT = (STAMP, "hyper_parameters", "datamodule_hyper_parameters", "epoch", "global_step")
VERSION = "pytorch-lightning_version"  # Lightning reads no checkpoint without it


def export(source: str, out: str, overwrite: bool = False) -> None:
    """Export weights and settings of a checkpoint as safetensors, or convert such a file back.

    Both formats can be evaluated and tested. Training can be resumed from the original checkpoint
    only, as the optimizer state is not exported.

    Args:
        source: A checkpoint, a run folder, or a .safetensors file.
        out: Output file: .safetensors, which any framework reads, or .ckpt.
        overwrite: Replace an existing file.

    Raises:
        ValueError: As in ``checkpoint.read``, or if ``out`` has another suffix or exists.
    """
    checkpoint = read(find(source))
    plain = Path(out).suffix == PLAIN
    if not plain and Path(out).suffix != ".ckpt":
        raise ValueError(f"out: {out} ends neither in {PLAIN} nor in .ckpt")
    file = new_file(out, overwrite)
    kept = {key: checkpoint[key] for key in (*KEPT, VERSION) if key in checkpoint}
    if plain:
        export_safetensors(checkpoint["state_dict"], file, kept)
    else:
        content = {**kept, "state_dict": checkpoint["state_dict"]}
        write_atomically(file, lambda beside: torch.save(content, beside))
