"""Lightning's verbs (fit, validate, test, predict): its command line with our files and errors."""

import logging
import platform
import shlex
import sys
import warnings
from inspect import signature
from pathlib import Path
from typing import Any, NoReturn

import torch
import yaml
from jsonargparse import Namespace, set_parsing_settings
from jsonargparse.typing import NonNegativeInt, restricted_number_type
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_only

from sciformer.cli import Project, config_paths, resolve
from sciformer.errors import blame, single_line, where
from sciformer.files import check_writable, hide_secrets, to_json, write_atomically
from sciformer.training import checkpoint
from sciformer.training.callbacks import NoProfiler, RunRecord, StepSeed, versions
from sciformer.training.checkpoint_io import CheckpointFiles
from sciformer.training.checks import check_accumulation, check_interval, naming, passes
from sciformer.training.folder import BEST, LAST, keep_logged, loggers, savers
from sciformer.training.nonfinite import StopOnNonFiniteLoss
from sciformer.training.precision import best_precision
from sciformer.training.ranks import lost_rank
from sciformer.training.saving import GracefulStop

Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**32)])  # what numpy takes
NOISE = (  # warnings that say nothing to a user
    r".*treespec, LeafSpec",  # Lightning against torch 2.13
    r".*does not have many workers",  # our loaders make or slice arrays: workers would cost more
    r".*directory .* exists and is not empty",  # a run's folder holds its checkpoint and its logs
    r".*smaller than the logging interval",
    r".*callbacks used to create the checkpoint",
    r".*dirpath has changed",  # a run that goes on elsewhere finds its own best
    r".*FSDP2-wrapped module .* returned a view",  # which nobody writes to
)
NAMED = {"last": LAST, "best": BEST, "auto": LAST}  # --ckpt_path last: of the run's own folder


def run(project: Project) -> None:
    """Run the verb of ``sys.argv`` on a project.

    Args:
        project: Whose module and data are used.

    Raises:
        ValueError: Naming what is wrong with the command line, its files or their combination.
        ConnectionError: If another process of the run has died.
    """
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)  # what it says at each start is no news
    for text in NOISE:
        warnings.filterwarnings("ignore", text)
    try:
        Cli(project)
    except MisconfigurationException as error:
        raise ValueError(str(error)) from error
    except RuntimeError as error:
        if not lost_rank(error):
            raise
        rank = getattr(rank_zero_only, "rank", 0)
        raise ConnectionError(
            f"rank {rank} lost another rank, which has died or hangs; go on from the last "
            f"checkpoint with --ckpt_path auto ({single_line(str(error))})"
        ) from error


class OneLineLightningParser(LightningArgumentParser):
    """Lightning's parser, which complains in one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise ValueError(where(single_line(message), config_paths(sys.argv))) from ex


class Cli(LightningCLI):
    """Lightning's command line for one project.

    A fit keeps everything in the run's folder (``trainer.default_root_dir``): ``config.yaml``,
    ``last.ckpt``, ``best.ckpt``, ``metrics.csv``, ``metrics.json`` and TensorBoard's events.

    Args:
        project: Whose module, data and name are used.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
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
        """Only the verb that is called: each costs half a second to describe."""
        return {verb: skip for verb, skip in LightningCLI.subcommands().items() if verb in sys.argv}

    def add_default_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--seed_everything",
            type=Seed,
            default=0,
            help="Seed of everything: weights, order, and what data is drawn.",
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument("--debug", action="store_true", help="Show the traceback of an error.")
        parser.add_argument(
            "--threads",
            type=NonNegativeInt,
            default=0,
            help="CPU threads per process; 0 is torch's choice.",
        )
        parser.add_argument(
            "--save_every",
            type=NonNegativeInt,
            default=1000,
            help="Optimizer steps between two savings of last.ckpt; it is also written at each "
            "validation and at the end. 0 writes it only then.",
        )
        parser.link_arguments("seed_everything", "data.seed", compute_fn=int)
        if "epochs" in signature(resolve(self.project.data)).parameters:
            parser.link_arguments("trainer.max_epochs", "data.epochs", compute_fn=passes)
        for source, target in self.project.links.items():
            parser.link_arguments(source, target, apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, with the settings that a checkpoint was trained with in place of the defaults."""
        path = _option(sys.argv, "--ckpt_path")
        if path and path not in NAMED:
            found = checkpoint.find(path)
            own = self._settings(found, checkpoint.read(found))
            try:
                for subparser in self._subcommand_parsers.values():
                    subparser.set_defaults(own)
            except KeyError as error:
                raise ValueError(f"{found}: of another version: {error}") from error
        super().parse_arguments(parser, args)

    def _settings(self, path: Path, saved: dict[str, Any]) -> dict[str, Any]:
        """What a checkpoint was trained with, by option; its seed draws the same data again."""
        checkpoint.check_class(path, saved, resolve(self.project.module))
        data = dict(saved.get("datamodule_hyper_parameters", {}))
        settings = {
            **{f"model.{name}": value for name, value in saved["hyper_parameters"].items()},
            **{f"data.{name}": value for name, value in data.items()},
        }
        linked = {"data.seed", "data.epochs", *self.project.links.values()}
        own = {name: value for name, value in settings.items() if name not in linked}
        return {**own, "seed_everything": data.get("seed", 0)}

    def _parse_ckpt_path(self) -> None:
        options = self.config[self.config.subcommand]
        path = options.ckpt_path
        if not path:
            return
        found = Path(options.trainer.default_root_dir) / NAMED[path] if path in NAMED else path
        if path == "auto" and not Path(found).is_file():
            options.ckpt_path = None
        else:
            options.ckpt_path = str(checkpoint.find(found))

    def _resumed_step(self) -> int | None:
        path = self.options.ckpt_path
        return int(checkpoint.read(path)["global_step"]) if path else None

    def before_instantiate_classes(self) -> None:
        if self.options.threads:
            torch.set_num_threads(self.options.threads)
        for key, kind in (("model", LightningModule), ("data", LightningDataModule)):
            self.parser.add_instantiator(naming(key), kind, subclasses=True)

    @property
    def options(self) -> Namespace:
        """What was parsed for the verb."""
        return self.config[str(self.subcommand)]

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        given = self.config_init[str(self.subcommand)].trainer
        kwargs["precision"] = given.precision or best_precision()
        if given.max_epochs is None and given.max_steps == -1:
            kwargs["max_epochs"] = passes(None)
        kwargs["profiler"] = given.profiler or NoProfiler()
        kwargs["plugins"] = [*_listed(given.plugins), CheckpointFiles()]
        kwargs["callbacks"] = _listed(given.callbacks)
        if self.subcommand != "fit":
            kwargs["logger"] = False
        elif not given.fast_dev_run:
            root = Path(given.default_root_dir)
            kwargs["callbacks"] += self._callbacks(root, given)
            if given.logger is None:
                kwargs["logger"] = loggers(root, self._resumed_step())
        try:
            check_accumulation(given)
            return super().instantiate_trainer(**kwargs)
        except (MisconfigurationException, ValueError) as error:
            raise ValueError(blame("trainer", str(error), config_paths(sys.argv))) from error

    def _callbacks(self, root: Path, given: Namespace) -> list[Any]:
        self.record = RunRecord(self._facts())
        callbacks = [
            self.record,
            StepSeed(int(self.options.seed_everything)),
            StopOnNonFiniteLoss(),
            GracefulStop(root / LAST),
        ]
        if given.enable_checkpointing is not False:
            callbacks += savers(root, self.model.monitor, self.options.save_every)
        if given.enable_progress_bar is not False:
            callbacks.append(TQDMProgressBar(refresh_rate=20))
        return callbacks

    def _facts(self) -> dict[str, Any]:
        dists = ("sciformer", f"sciformer-{self.project.command}", "torch", "lightning")
        self._dump_config()
        return {
            "command": shlex.join([self.project.command, *sys.argv[1:]]),
            "config": ", ".join(config_paths(sys.argv)),
            "seed": int(self.options.seed_everything),
            "versions": {"python": platform.python_version(), **versions(*dists)},
            "settings": self.config_dump,
        }

    def before_fit(self) -> None:
        self._check_checkpoint()
        if self.trainer.is_global_zero:
            getattr(self.datamodule, "check", lambda: None)()
            getattr(self.model, "check", lambda data: None)(self.datamodule)
        if not self.options.trainer.fast_dev_run:
            check_interval(self.options.trainer, self.datamodule)
            root = self.options.trainer.default_root_dir
            check_writable(root, "trainer.default_root_dir")
            if (step := self._resumed_step()) is not None:
                keep_logged(self.trainer.loggers, Path(root), step)
            said = yaml.safe_load(self.parser.dump(self.config, skip_none=False))["fit"]
            self._write("config.yaml", yaml.safe_dump(hide_secrets(said), sort_keys=False))

    def after_fit(self) -> None:
        if not self.options.trainer.fast_dev_run:
            metrics = {name: float(value) for name, value in self.trainer.callback_metrics.items()}
            self._write("metrics.json", to_json({**metrics, "run": self.record.record()}))

    def _write(self, name: str, content: str) -> None:
        """Write a file to the run's folder, once for all ranks."""
        if self.trainer.is_global_zero:
            path = Path(self.options.trainer.default_root_dir) / name
            write_atomically(path, lambda beside: beside.write_text(content, encoding="utf-8"))

    def before_validate(self) -> None:
        self._check_checkpoint()

    before_test = before_predict = before_validate

    def _check_checkpoint(self) -> None:
        path = self.options.ckpt_path
        if path:
            saved = checkpoint.read(path)
            checkpoint.check(path, saved, self.model)
            if self.subcommand == "fit":
                checkpoint.check_resumable(path, saved)


def _option(words: list[str], name: str) -> str | None:
    """The value of an option on a command line, before it is parsed."""
    for word, after in zip(words, [*words[1:], None], strict=True):
        if word == name:
            return after
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
    return None


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
