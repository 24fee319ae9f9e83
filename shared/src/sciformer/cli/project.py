"""Description of a project for the command line: name, module, data and commands."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Verb:
    """A command of a project, in addition to Lightning's.

    Args:
        call: Function, as ``package.file:function``; its signature and docstring define the options
            and their help.
        summary: One line for the list of commands.
        example: Arguments of a call that the help shows, behind the name of the verb.
        fits: Whether ``call`` translates its arguments to those of ``fit``, which then runs.
        answers: Whether it prints its answer, which ``--quiet`` leaves.
        bare: Options whose values may stand in front without their names, in this order; empty for
            a required argument, which has none.
        renamed: Former names of options, still accepted -> present names.
    """

    call: str
    summary: str
    example: str = ""
    fits: bool = False
    answers: bool = False
    bare: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """A trained network that is published; what is not certain is empty.

    Args:
        name: Name of the model.
        parameters: Number of its parameters.
        address: Where it is: ``hub:NAME/REPO``, or in words.
        size: Size of the file.
        sha256: Checksum of the file.
        licence: Licence, and of what.
    """

    name: str
    parameters: str = ""
    address: str = ""
    size: str = ""
    sha256: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Project:
    """Properties of a project that the command line and the demo need.

    Args:
        name: Import name of the package; its configurations are ``configs/<name>/*.yaml``.
        summary: One-line description.
        module: The LightningModule, as ``package.file:Class``.
        data: The LightningDataModule, as ``package.file:Class``.
        links: Module arguments set by the data, as ``data.attribute: model.argument``.
        verbs: Additional commands of the project, by name.
        weights: Trained networks that are published, for ``sciformer models``.
        quick_minutes: Time of ``quick.yaml`` and its evaluation on two cores, for the demo's guess
            of the time left.
    """

    name: str
    summary: str
    module: str
    data: str
    links: Mapping[str, str] = field(default_factory=dict)
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    weights: tuple[Weights, ...] = ()
    quick_minutes: float = 1.0

    @property
    def command(self) -> str:
        """Name of the command: the import name with dashes."""
        return self.name.replace("_", "-")
