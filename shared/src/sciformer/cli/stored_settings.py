"""Settings stored in a checkpoint, as defaults of the command line."""

from pathlib import Path
from typing import Any

from lightning.pytorch.cli import LightningArgumentParser

from sciformer.arguments import grouped
from sciformer.cli.options import resolve
from sciformer.cli.project import Project
from sciformer.training.checkpoints import checkpoint

NAMED = {"last": "last.ckpt", "best": "best.ckpt", "auto": "last.ckpt"}  # of the run's own folder


def set_defaults(parser: LightningArgumentParser, words: list[str], project: Project) -> None:
    """Use the settings of the checkpoint in ``--ckpt_path`` as defaults of a parser.

    Args:
        parser: Parser of a command.
        words: Command line arguments; without a file in ``--ckpt_path`` nothing changes.
        project: Project that the checkpoint must belong to.

    Raises:
        ValueError: If the file is not a checkpoint of the project.
    """
    path = _option(words, "--ckpt_path")
    if not path or path in NAMED:
        return
    found = checkpoint.find(path)
    try:
        parser.set_defaults(_settings(found, checkpoint.read(found), project))
    except KeyError as error:
        raise ValueError(
            f"{found}: of another version, or of a subclass with settings of its own: {error}"
        ) from error


def checkpoint_path(given: str, root: str | Path) -> str | None:
    """Find the file for ``--ckpt_path``.

    Args:
        given: Path, or one of ``NAMED``.
        root: Run folder.

    Returns:
        An existing file; ``None`` for ``auto`` if there is no checkpoint to resume from.

    Raises:
        ValueError: If there is no such file.
    """
    found = Path(root) / NAMED[given] if given in NAMED else Path(given)
    if given == "auto" and not found.is_file():
        return None
    return str(checkpoint.find(found))


def _settings(path: Path, saved: dict[str, Any], project: Project) -> dict[str, Any]:
    """Settings of a checkpoint by option, including its seed, which determines the data."""
    module = resolve(project.module)
    checkpoint.check_class(path, saved, module)
    model = grouped(module, saved["hyper_parameters"])
    data = dict(saved.get("datamodule_hyper_parameters", {}))
    settings = {
        **{f"model.{name}": value for name, value in model.items()},
        **{f"data.{name}": value for name, value in data.items()},
    }
    linked = {"data.seed", "data.epochs", *project.links.values()}
    own = {name: value for name, value in settings.items() if name not in linked}
    return {**own, "seed_everything": data.get("seed", 0)}


def _option(words: list[str], name: str) -> str | None:
    """Value of an option on a command line, before parsing."""
    for word, after in zip(words, [*words[1:], None], strict=True):
        if word == name:
            return after
        if word.startswith(f"{name}="):
            return word.removeprefix(f"{name}=")
    return None
