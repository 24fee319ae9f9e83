"""Lightning's parser with one-line errors, and the options of all projects."""

import sys
from inspect import signature
from typing import Any, NoReturn

import torch
from jsonargparse import set_parsing_settings
from jsonargparse.typing import register_type
from lightning.pytorch.cli import LightningArgumentParser

from sciformer.cli.checks import passes
from sciformer.cli.config_errors import complaint
from sciformer.cli.fit_options import LINKS, add_common
from sciformer.cli.options import option_names, resolve
from sciformer.cli.project import Project

set_parsing_settings(config_read_mode_fsspec_enabled=False)  # importing Lightning's enables it
# A default of some callbacks; config.yaml has to say it in words that are understood.
register_type(torch.device, str, deserializer_exceptions=RuntimeError)


class OneLineLightningParser(LightningArgumentParser):
    """Lightning's parser with one-line errors; it takes no abbreviated option."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, allow_abbrev=False, **settings)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:  # of a part of a value, which the whole will be told of
            super().error(message, ex)
        raise ValueError(complaint(message, sys.argv, option_names(self))) from ex


def add_options(parser: LightningArgumentParser, project: Project) -> None:
    """Add the options that all projects share, and link arguments of model and data to them.

    Args:
        parser: Parser of one command, with the options of trainer, model and data.
        project: Project whose arguments are linked.
    """
    add_common(parser, sys.argv[1])
    for source, target in linked_options(project).items():
        parser.link_arguments(source, target, compute_fn=passes if "epochs" in source else int)
    for source, target in project.links.items():
        parser.link_arguments(source, target, apply_on="instantiate")


def linked_options(project: Project) -> dict[str, str]:
    """Options that set arguments of the data module, and the names of these arguments."""
    known = signature(resolve(project.data)).parameters
    return {option: key for option, key in LINKS.items() if key.removeprefix("data.") in known}
