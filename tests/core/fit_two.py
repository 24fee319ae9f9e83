"""One fit of any project on two ranks under each strategy, in the same two processes.

    torchrun --standalone --nproc_per_node 2 fit_two.py PROJECT FOLDER WORD ...

PROJECT is ``package.file:NAME``; the words are those of ``fit``.
"""

import sys
from pathlib import Path

from torch import distributed

from sciformer.cli.main import run
from sciformer.cli.options import resolve


def main(project: str, folder: Path, words: list[str]) -> None:
    """Fit under DDP and FSDP, each into a folder of its name."""
    for strategy in ("DDP", "FSDP"):
        sys.argv = [project]
        kind = f"{{class_path: sciformer.training.distributed.strategies.{strategy}}}"
        two = ["--trainer.devices=2", f"--trainer.strategy={kind}"]
        root = f"--trainer.default_root_dir={folder / strategy}"
        run(resolve(project), ["fit", *words, *two, root])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
    distributed.destroy_process_group()  # gloo's threads must not outlive the interpreter
