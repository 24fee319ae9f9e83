"""Description of a project for the command line: name, module, data and verbs."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Verb:
    """A command of a project that is not Lightning's.

    Args:
        call: The function, as ``package.file:function``; its signature and docstring become the
            options and their help.
        summary: One line for the list of verbs.
        fits: ``call`` takes the words after the verb and gives those of a fit, which then runs.
        renamed: Former names of options, which go on working, and their present names.
    """

    call: str
    summary: str
    fits: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Project:
    """What the command line and the demo have to know of a project.

    Args:
        name: Import name of the package; its configurations are ``configs/<name>/*.yaml``.
        summary: One line that says what it does.
        module: The LightningModule, as ``package.file:Class``.
        data: The LightningDataModule, as ``package.file:Class``.
        links: What the module takes from the data, as ``data.attribute: model.argument``.
        verbs: The project's own verbs by name.
    """

    name: str
    summary: str
    module: str
    data: str
    links: Mapping[str, str] = field(default_factory=dict)
    verbs: Mapping[str, Verb] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """What one types: the import name with dashes."""
        return self.name.replace("_", "-")
