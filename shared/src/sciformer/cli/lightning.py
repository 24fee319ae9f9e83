"""Commands fit, validate, test and predict: LightningCLI with run folder and one-line errors."""

import atexit
import gc
import logging
import platform
import sys
import warnings
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace, set_parsing_settings
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_only

from sciformer.allowlist import TRUST
from sciformer.arguments import ArgumentError, parameters_of
from sciformer.cli.checks import check_callbacks, check_interval, check_numbers, trainer_errors
from sciformer.cli.closing import closing
from sciformer.cli.config_errors import config_paths, placed
from sciformer.cli.fit_options import add_seed
from sciformer.cli.flat_options import accept_flat
from sciformer.cli.lightning_parser import OneLineLightningParser, add_options, linked_options
from sciformer.cli.named_classes import Builder, check_named, root
from sciformer.cli.options import resolve, with_class
from sciformer.cli.own_module import class_of
from sciformer.cli.project import Project
from sciformer.cli.stored_settings import checkpoint_path, set_defaults
from sciformer.cli.trainer_parts import FitParts, parts, shows_bar
from sciformer.data.splits import resumed_splits
from sciformer.files import check_writable, local, write_atomically
from sciformer.progress import be_quiet, quiet
from sciformer.report.origin import origin
from sciformer.strict_json import to_json
from sciformer.text import hide_secrets, single_line
from sciformer.training.callbacks.predictions import PredictionFile
from sciformer.training.callbacks.run_record import RunRecord, versions
from sciformer.training.callbacks.stopping import GracefulStop, interrupts, queued_again
from sciformer.training.checkpoints import checkpoint
from sciformer.training.claim import Claim, check_free, claimed
from sciformer.training.distributed.agreement import lost_rank
from sciformer.training.lightning_private import resume_only_as_told
from sciformer.training.precision import warn_of_emulation
from sciformer.training.run_folder import CONFIG, LAST, NUMBERS, keep_logged

NOISE = (  # warnings that say nothing to a user
    r".*treespec, LeafSpec",  # Lightning against torch 2.13
    r".*does not have many workers",  # our loaders make or slice arrays: workers would cost more
    r".*directory .* exists and is not empty",  # a run's folder holds its checkpoint and its logs
    r".*Total length of .* is zero",  # a split that nobody asked for
    r".*smaller than the logging interval",
    r".*callbacks used to create the checkpoint",
    r".*dirpath has changed",  # a run that goes on elsewhere finds its own best
    r".*FSDP2-wrapped module .* returned a view",  # which nobody writes to
)
NOT_LOGGED = "Early stopping conditioned on metric"  # which Lightning reports as it does bugs

atexit.register(gc.freeze)  # else Python looks through a million objects for 1 or 2 CPU-seconds


def run(project: Project) -> None:
    """Run the command in ``sys.argv`` for a project.

    Args:
        project: Project with module and data.

    Raises:
        ValueError: Naming what is wrong with the command line, its files or their combination.
        ConnectionError: If another process of the run has died.
    """
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    words = with_class(sys.argv[1:], "--trainer.strategy")
    sys.argv[1:] = accept_flat(words, resolve(project.module))
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)  # what it says at each start is no news
    for text in NOISE:
        warnings.filterwarnings("ignore", text)
    try:
        with interrupts(), ExitStack() as held:
            Cli(project, held)
    except ArgumentError as error:
        raise ValueError(placed(_option(project, error), error.reason, sys.argv)) from error
    except (MisconfigurationException, ModuleNotFoundError) as error:
        raise ValueError(str(error)) from error
    except RuntimeError as error:
        told = _told(error)
        if told is None:
            raise
        raise told from error


def _told(error: RuntimeError) -> Exception | None:
    """Error to report if it is not a bug of ours."""
    if str(error).startswith(NOT_LOGGED):
        return ValueError(str(error))
    if not lost_rank(error):
        return None
    rank = getattr(rank_zero_only, "rank", 0)
    return ConnectionError(
        f"rank {rank} lost another rank, which has died or hangs; go on from the last "
        f"checkpoint with --ckpt_path auto ({single_line(str(error))})"
    )


class Cli(LightningCLI):
    """LightningCLI for one project.

    A fit writes everything to the run folder (``trainer.default_root_dir``): ``config.yaml``,
    ``last.ckpt``, ``best.ckpt``, ``metrics.csv``, ``metrics.json`` and TensorBoard's events.

    Args:
        project: Project with module, data and name.
        held: Exit stack that holds the lock of the run folder until the end.
    """

    def __init__(self, project: Project, held: ExitStack) -> None:
        self.project, self.held = project, held
        super().__init__(
            resolve(project.module),
            resolve(project.data),
            parser_class=OneLineLightningParser,
            parser_kwargs={"prog": project.command, "description": project.summary},
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
            save_config_callback=None,
            trainer_defaults={
                "default_root_dir": f"runs/{project.name}",
                "num_sanity_val_steps": 0,
                "enable_model_summary": False,
                "use_distributed_sampler": False,  # our loaders know their rank
            },
        )

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Subcommands: only the one that is called, as each parser takes half a second."""
        return {verb: skip for verb, skip in LightningCLI.subcommands().items() if verb in sys.argv}

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        add_seed(parser)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        add_options(parser, self.project)
        set_defaults(parser, sys.argv, self.project)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, then find the run folder and the checkpoint to resume from."""
        super().parse_arguments(parser, args)
        options = self.options
        if options.quiet:
            be_quiet()
        place = options.trainer.default_root_dir or f"runs/{self.project.name}"
        root = local(place, "trainer.default_root_dir")
        given = options.ckpt_path
        if not given and self.config.subcommand == "fit" and queued_again(options.overwrite):
            given = "auto"
        options.trainer.default_root_dir = str(root)
        resumed = checkpoint_path(given, str(root)) if given else None
        self.claim = Claim(root, resumed, options.overwrite, given == "auto")
        options.ckpt_path = None  # else Lightning puts the file's settings in place of the words

    def _resumed_step(self) -> int | None:
        path = self.claim.resumed
        return int(checkpoint.read(path)["global_step"]) if path else None

    def before_instantiate_classes(self) -> None:
        self.options.ckpt_path = self.claim.resumed
        if self.subcommand == "fit":
            self._keep_splits()
        if self._writes:
            check_free(self.claim)
        if self.options.threads:
            torch.set_num_threads(self.options.threads)
        check_named(self.options, TRUST in sys.argv)
        groups = {"model": resolve(self.project.module), "data": resolve(self.project.data)}
        self.builder = Builder(self.options, **groups)
        parser: Any = self.parser
        builders = [(self.builder, object, True)]
        # Lightning calls it by a name that jsonargparse has deprecated.
        parser.instantiate_classes = partial(parser.instantiate, instantiators=builders)

    def _keep_splits(self) -> None:
        """Go on with the splits of the run that resumes."""
        data, path = self.options.data, self.claim.resumed
        stored = (checkpoint.read(path).get(checkpoint.DATA) if path else None) or {}
        if "splits" in stored and "splits" in data:
            data.splits = resumed_splits(stored["splits"], data.splits)

    def instantiate_classes(self) -> None:
        with self.builder.told():
            super().instantiate_classes()

    @property
    def options(self) -> Namespace:
        """Parsed options of the command."""
        return self.config[self.config.subcommand]

    @property
    def _writes(self) -> bool:
        """Whether this is a fit that writes files; not with ``fast_dev_run`` and the like."""
        given = self.options.trainer
        return self.subcommand == "fit" and not given.fast_dev_run and not given.barebones

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        given = self.config_init[str(self.subcommand)].trainer
        kwargs |= parts(given)
        if not shows_bar(given):
            kwargs["enable_progress_bar"] = given.enable_progress_bar = False
        if self._writes:
            self.record = RunRecord(self._facts())
            seed, every = int(self.options.seed_everything), self.options.save_every
            own = FitParts(given, self.model, self.record, seed, every)
            kwargs |= {"callbacks": own.callbacks(), "logger": own.loggers(self._resumed_step())}
        elif self.subcommand != "fit":
            kwargs["logger"] = False
            kwargs["callbacks"].append(GracefulStop(LAST))
        if self.subcommand == "predict":
            kwargs["callbacks"].append(PredictionFile(self.options.out, self.options.overwrite))
        check_numbers(given)
        with trainer_errors():
            trainer = super().instantiate_trainer(**kwargs)
        resume_only_as_told(trainer)
        warn_of_emulation(trainer.precision, trainer.strategy.root_device)
        return trainer

    def _facts(self) -> dict[str, Any]:
        dists = ("sciformer", f"sciformer-{self.project.command}", "torch", "lightning")
        return {
            **origin(),
            "config": ", ".join(config_paths(sys.argv)),
            "seed": int(self.options.seed_everything),
            "versions": {"python": platform.python_version(), **versions(*dists)},
            "settings": self._settings(skip_link_targets=False),
        }

    def _settings(self, skip_link_targets: bool = True) -> dict[str, Any]:
        """Settings of the command, in tables."""
        said = self.parser.dump(self.config, skip_none=False, skip_link_targets=skip_link_targets)
        settings = yaml.safe_load(said)[self.config.subcommand]
        return {**settings, "model": {**class_of(self.project), **(settings.get("model") or {})}}

    def before_fit(self) -> None:
        """Check what is known before the first step, and take the folder of the run."""
        self._check_checkpoint()
        check_callbacks(self.trainer, self.model)
        if self.trainer.is_global_zero:
            self.model.check(self.datamodule)
            self.datamodule.check()
        if not self._writes:
            return
        check_interval(self.options.trainer, self.datamodule)
        check_writable(self.claim.root, "trainer.default_root_dir")
        if self.trainer.is_global_zero:
            self.held.enter_context(claimed(self.claim))
        if self.claim.resumed:
            keep_logged(self.trainer.loggers, checkpoint.read(self.claim.resumed))
        said = self._settings()
        del said["overwrite"]  # or the same configuration would replace the run
        self._write(CONFIG, yaml.safe_dump(hide_secrets(said), sort_keys=False))

    def after_fit(self) -> None:
        """Write the last metrics, and print where the run is and what to do next."""
        if self._writes:
            metrics = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
            self._write(NUMBERS, to_json({**metrics, "run": self.record.record()}))
            if not quiet() and self.trainer.is_global_zero:
                sys.stdout.write(closing(self.project, self.trainer, self.model, self.record))

    def _write(self, name: str, content: str) -> None:
        """Write a file to the run folder, on rank 0 only."""
        if self.trainer.is_global_zero:
            path = Path(self.options.trainer.default_root_dir) / name
            write_atomically(path, lambda beside: beside.write_text(content, encoding="utf-8"))

    def before_validate(self) -> None:
        """Check the checkpoint; the same before ``test`` and ``predict``."""
        self._check_checkpoint()

    before_test = before_predict = before_validate

    def _check_checkpoint(self) -> None:
        path = self.claim.resumed
        if path:
            saved = checkpoint.read(path)
            checkpoint.check(path, saved, self.model)
            if self.subcommand == "fit":
                checkpoint.check_resumable(path, saved)


def _option(project: Project, error: ArgumentError) -> str:
    """Option of an argument, of data or model, whichever has this argument."""
    key = error.name
    for group, target in (("model", project.module), ("data", project.data)):
        if root(error.name) in parameters_of(resolve(target)):
            key = f"{group}.{error.name}"
    linked = {source: target for target, source in linked_options(project).items()}
    return linked.get(key, key)
