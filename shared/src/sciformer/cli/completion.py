"""``PROJECT completion``: a script with which a shell completes verbs, options and file names."""

import sys
from typing import Literal

from sciformer.cli.fit_options import SUMMARIES
from sciformer.cli.help import listed, parser_of_verb
from sciformer.cli.project import Project


def completion(project: Project, shell: Literal["bash", "zsh", "tcsh"]) -> None:
    """Print the completion script of a shell, with all verbs and their options.

    Args:
        project: The project.
        shell: The shell that reads the script.

    Raises:
        ValueError: If shtab is not installed.
    """
    try:
        import shtab  # an extra
    except ImportError as error:
        raise ValueError("completion needs shtab: pip install 'sciformer[completion]'") from error
    summaries = SUMMARIES | {name: verb.summary for name, verb in project.verbs.items()}
    parsers = {name: parser_of_verb(project, name, project.verbs.get(name)) for name in summaries}
    for action in (action for parser in parsers.values() for action in parser._actions):
        if action.nargs != 0 and action.choices is None:
            action.complete = shtab.FILE  # as shtab wants it, which reads _actions itself
    parser = listed(project.command, project.summary, summaries, parsers)
    sys.stdout.write(shtab.complete(parser, shell) + "\n")
