"""A project's command in this process, as a user types it."""

import sys

import pytest

from sciformer.cli.main import run


def exit_code(project, *words):
    """Run a verb; what its process would end with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [project.command])
        try:
            run(project, [str(word) for word in words])
        except SystemExit as ended:
            return ended.code
    return 0
