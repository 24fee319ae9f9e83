"""Additional options of Lightning's commands, and a parser with one-line errors."""

import sys
from inspect import signature
from typing import NoReturn

import torch
from jsonargparse import set_parsing_settings
from jsonargparse.typing import NonNegativeInt, register_type, restricted_number_type
from lightning.pytorch.cli import LightningArgumentParser

from sciformer.allowlist import TRUST
from sciformer.cli.checks import passes
from sciformer.cli.config_errors import complaint
from sciformer.cli.options import resolve
from sciformer.cli.project import Project

set_parsing_settings(config_read_mode_fsspec_enabled=False)  # importing Lightning's enables it
# A default of some callbacks; config.yaml has to say it in words that are understood.
register_type(torch.device, str, deserializer_exceptions=RuntimeError)
Threads = restricted_number_type("Threads", int, [(">=", 0), ("<=", 1024)])  # more can crash
Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**32)])  # what numpy takes


class OneLineLightningParser(LightningArgumentParser):
    """Lightning's parser with one-line errors."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:  # of a part of a value, which the whole will be told of
            super().error(message, ex)
        raise ValueError(complaint(message, sys.argv)) from ex


def add_seed(parser: LightningArgumentParser) -> None:
    """Add ``--seed_everything``; Lightning's own accepts a bool too."""
    parser.add_argument(
        "--seed_everything",
        type=Seed,
        default=0,
        help="Seed of all random numbers: weights, order of samples, simulated data.",
    )


def add_options(parser: LightningArgumentParser, project: Project) -> None:
    """Add the options that all projects share, and link arguments of model and data to them.

    Args:
        parser: Parser of one command, with the options of trainer, model and data.
        project: Project whose arguments are linked.
    """
    parser.add_argument("--debug", action="store_true", help="Show the traceback of an error.")
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
        help="CPU threads per process; 0 uses torch's default.",
    )
    parser.add_argument(
        "--save_every",
        type=NonNegativeInt,
        default=1000,
        help="Optimizer steps between two writes of last.ckpt, which is also written at each "
        "validation and at the end. 0 writes it only then.",
    )
    predict = sys.argv[1:2] == ["predict"]
    what = "predictions" if predict else "run that is in the folder"
    parser.add_argument("--overwrite", action="store_true", help=f"Replace the {what}.")
    if predict:
        parser.add_argument(
            "--out",
            type=str,
            default="predictions.npz",
            help="Output file: .npz with arrays, or .parquet with one row per sample (not for "
            "arrays with several axes, such as fields on a grid).",
        )
    for source, target in linked_options(project).items():
        parser.link_arguments(source, target, compute_fn=passes if "epochs" in source else int)
    for source, target in project.links.items():
        parser.link_arguments(source, target, apply_on="instantiate")


def linked_options(project: Project) -> dict[str, str]:
    """Options that set arguments of the data module, and the names of these arguments."""
    known = signature(resolve(project.data)).parameters
    links = {"seed_everything": "data.seed", "trainer.max_epochs": "data.epochs"}
    return {option: key for option, key in links.items() if key.removeprefix("data.") in known}
