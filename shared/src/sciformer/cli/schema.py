"""``PROJECT schema``: JSON schema of the configurations, for editors."""

import json
import sys
from inspect import signature
from typing import Any, Literal, get_args, get_origin

from jsonargparse import ArgumentParser
from lightning.pytorch import Trainer

from sciformer.cli.fit_options import add_common, add_seed
from sciformer.cli.lightning_parser import linked_options
from sciformer.cli.options import resolve
from sciformer.cli.project import Project

PLAIN = (bool, int, float, str, type(None))


def schema(project: Project) -> None:
    """Print the JSON schema of the configurations, with which an editor checks and completes them.

    Args:
        project: The project.
    """
    sys.stdout.write(json.dumps(config_schema(project), indent=1) + "\n")


def config_schema(project: Project) -> dict[str, Any]:
    """JSON schema of the configurations of a project.

    Args:
        project: The project.

    Returns:
        The schema. Classes that a trainer takes, such as callbacks, are not checked.
    """
    parser = ArgumentParser(description=project.summary)
    add_seed(parser)
    add_common(parser, "fit")
    parser.add_argument("--ckpt_path", type=str | None)
    linked = {*project.links.values(), *linked_options(project).values()}
    for group, target in (("data", project.data), ("model", project.module)):
        skip: set[Any] = {key.partition(".")[2] for key in linked if key.startswith(f"{group}.")}
        parser.add_class_arguments(resolve(target), group, skip=skip)
    options = signature(Trainer).parameters
    classes = {name for name, option in options.items() if not _is_plain(option.annotation)}
    parser.add_class_arguments(Trainer, "trainer", skip={*classes})
    found = json.loads(parser.get_completion_script("jsonschema"))
    found["properties"]["trainer"]["properties"] |= {name: {} for name in sorted(classes)}
    return found


def _is_plain(kind: Any) -> bool:
    """Whether a type has plain values only, and names no class."""
    inner = get_args(kind)
    if get_origin(kind) is Literal or kind in PLAIN:
        return True
    return bool(inner) and all(map(_is_plain, inner))
