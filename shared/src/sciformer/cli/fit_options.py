"""Options of fit, validate, test and predict: of all projects, and the trainer's main ones."""

from typing import Any, Protocol, runtime_checkable

from jsonargparse.typing import NonNegativeInt, restricted_number_type

from sciformer.allowlist import TRUST
from sciformer.cli.options import COMMON

CHECKPOINT = "Checkpoint or run folder, or last, best or auto."
LINKS = {
    "seed_everything": "data.seed",
    "trainer.max_epochs": "data.epochs",
}  # where the data has it
EXAMPLES = {
    "fit": "--config configs/{name}/quick.yaml --seed_everything 1",
    "validate": "--ckpt_path runs/{name}/quick",
    "test": "--ckpt_path runs/{name}/quick",
    "predict": "--ckpt_path runs/{name}/quick --out predictions.npz",
}
SUMMARIES = {
    "fit": "train, with --config FILE.yaml and overrides such as --trainer.max_epochs 2",
    "validate": "the validation metrics of a checkpoint (--ckpt_path)",
    "test": "the test metrics of a checkpoint (--ckpt_path)",
    "predict": "run the network over the test data of a checkpoint (--ckpt_path)",
}
RUNNING = {  # the trainer's options for all four verbs that --help shows
    "accelerator": "cpu, gpu, mps or auto.",
    "devices": "Number of devices, or their indices.",
    "num_nodes": "Number of machines.",
    "strategy": "auto, or sciformer.training.strategies.DDP (or .FSDP).",
    "precision": "32-true or bf16-mixed (default: by the hardware).",
}
TRAINING = {  # for fit alone
    "default_root_dir": "Folder of the run.",
    "max_epochs": "Passes over the training data (default: 1).",
    "max_steps": "Largest number of optimizer steps.",
    "val_check_interval": "Batches between two validations, or a fraction of an epoch.",
    "gradient_clip_val": "Largest norm of the gradient.",
    "log_every_n_steps": "Steps between two rows of metrics.csv.",
    "callbacks": "More of them: --trainer.callbacks+=EMAWeightAveraging.",
    "logger": "More of them: --trainer.logger+=WandbLogger.",
}
Threads = restricted_number_type("Threads", int, [(">=", 0), ("<=", 1024)])  # more can crash
Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**32)])  # what numpy takes


@runtime_checkable
class Parser(Protocol):
    """A parser of argparse or jsonargparse."""

    def add_argument(self, *names: str, **settings: Any) -> Any:
        """Add an option, as ``argparse`` does."""
        ...


def add_seed(parser: Parser) -> None:
    """Add ``--seed_everything``; Lightning's own accepts a bool too."""
    parser.add_argument(
        "--seed_everything",
        type=Seed,
        default=0,
        metavar="INT",
        help="Seed of all random numbers: weights, order of samples, simulated data.",
    )


def add_common(parser: Parser, verb: str) -> None:
    """Add the options that all projects share.

    Args:
        parser: Parser of one verb.
        verb: ``fit``, ``validate``, ``test`` or ``predict``.
    """
    for name, text in COMMON.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_argument(
        TRUST,
        action="store_true",
        help="Allow classes and functions of any package in YAML files and options. Their code is "
        "run: use it only with files that you trust.",
    )
    parser.add_argument(
        "--threads",
        type=Threads,
        default=0,
        metavar="INT",
        help="CPU threads per process; 0 uses torch's default.",
    )
    parser.add_argument(
        "--save_every",
        type=NonNegativeInt,
        default=1000,
        metavar="INT",
        help="Optimizer steps between two writes of last.ckpt, which is also written at each "
        "validation and at the end. 0 writes it only then.",
    )
    what = "predictions" if verb == "predict" else "run that is in the folder"
    parser.add_argument("--overwrite", action="store_true", help=f"Replace the {what}.")
    if verb == "predict":
        parser.add_argument(
            "--out",
            type=str,
            default="predictions.npz",
            help="Output file: .npz with arrays, or .parquet with one row per sample (not for "
            "arrays with several axes, such as fields on a grid).",
        )
