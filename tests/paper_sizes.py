"""Two steps of every paper-size configuration, with the network and the batch made small.

    python paper_sizes.py FOLDER one                                               # one rank
    torchrun --standalone --nproc_per_node 2 paper_sizes.py FOLDER DDP FSDP        # two ranks

The folder holds ``PROJECT/NAME`` with the data of each. All else is as the file has it: precision,
objective, optimizer, schedule, clipping. A run that ends prints its name and its loss.
"""

import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

from sciformer.cli.main import run

ROOT = Path(__file__).parents[1]
SMALL = {
    "astroclip/paper": ("--data.batch_size=4",),
    "astroclip/paper-spectrum": (
        *("--model.network.spectrum_depth=2", "--model.network.tokens_dim=12"),
        *("--model.network.width=12", "--data.batch_size=4"),
    ),
    "astroclip/paper-image": (
        *("--model.network.image_depth=2", "--model.network.tokens_dim=32"),
        *("--model.network.width=32", "--data.batch_size=4"),
    ),
    "contextual_counting/paper": ("--data.batch_size=4",),
    "mpp/paper": (
        *("--model.network.size=[16, 2, 2]", "--data.history=2"),
        *("--data.batch_size=2", "--data.steps=10"),
    ),
    "xval/planets-paper": (
        *("--model.network.dim=12", "--model.network.depth=2", "--data.batch_size=4"),
        "--data.sets=[{set: planets, count: 40}]",
    ),
}
STEPS = (
    *("--trainer.accelerator=cpu", "--trainer.max_steps=2", "--trainer.limit_val_batches=1"),
    *("--trainer.num_sanity_val_steps=0", "--trainer.enable_checkpointing=false"),
    *("--threads=1", "--quiet", "--overwrite"),
)


def main(folder: Path, strategies: list[str]) -> None:
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    projects = {entry.name: entry for entry in entry_points(group="sciformer.projects")}
    for name, small in SMALL.items():
        for strategy in strategies:
            os.chdir(folder / name)
            words = [f"--trainer.devices={ranks}", f"--trainer.default_root_dir={strategy}"]
            if ranks > 1:
                words.append(f"--trainer.strategy=sciformer.training.strategies.{strategy}")
            project = projects[name.split("/")[0]].load()
            config = ["--config", str(ROOT / f"configs/{name}.yaml")]
            code = run(project, ["fit", *config, *STEPS, *small, "--data.workers=0", *words])
            assert not code, f"{name} {strategy}: {code}"
            if os.environ.get("RANK", "0") == "0":
                sys.stdout.write(f"{name} {strategy}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
