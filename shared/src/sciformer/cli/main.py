"""Entry point of every project's command line; imports a command only when it is called."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, redirect_stdout, suppress
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from typing import Any

from sciformer.allowlist import TRUST, restrict, trust
from sciformer.cli.clashes import check_clashes
from sciformer.cli.config_errors import check_configs
from sciformer.cli.fit_options import SUMMARIES
from sciformer.cli.help import ALL, HELP, explained, listed
from sciformer.cli.options import call, configs_of, named, present, resolve, shipped, spelled
from sciformer.cli.own_module import with_own_module
from sciformer.cli.project import Project, Verb
from sciformer.errors import USAGE, one_line
from sciformer.progress import be_quiet, quiet
from sciformer.report.origin import remember
from sciformer.text import did_you_mean

LIGHTNING = "sciformer.cli.lightning:run"  # importing it costs some 4 CPU-seconds
SHARED = {  # verbs of every project
    "configs": Verb(
        "sciformer.cli.configs:configs",
        "list, show or copy the configurations of the package",
        "copy quick",
        answers=True,
        bare=("action", "name"),
    ),
    "schema": Verb(
        "sciformer.cli.schema:schema",
        "JSON schema of the configurations, for editors",
        "> {name}.schema.json",
        answers=True,
    ),
    "completion": Verb(
        "sciformer.cli.completion:completion",
        "completion script for a shell",
        "bash",
        answers=True,
    ),
}
VERBS = {  # of sciformer itself
    "demo": Verb(
        "sciformer.cli.demo:demo",
        "quick training of every installed project, and one page of results",
        "--out runs/demo",
    ),
    "new": Verb(
        "sciformer.cli.new_project:new", "create a new project from a template", "my_project"
    ),
    "verify": Verb(
        "sciformer.data.shards.verify:verify",
        "check all checksums of a data set",
        "data/xval",
        answers=True,
    ),
    "models": Verb(
        "sciformer.cli.models:models",
        "list trained networks that are published, and where",
        answers=True,
    ),
    "export": Verb(
        "sciformer.training.checkpoints.export:export",
        "export a checkpoint to safetensors, or import one",
        "runs/mpp/quick mpp.safetensors",
    ),
}


def run(project: Project, argv: Sequence[str] | None = None) -> None:
    """Run a command of a project.

    Args:
        project: Project of the command line.
        argv: Arguments of the command line; ``None`` uses ``sys.argv``.

    Raises:
        SystemExit: With code 2 and one line on stderr if the input is invalid.
    """
    words, debug = _prepared(project.command, argv)
    sys.argv[1:] = words = [shipped(project.name, word) for word in words]
    verbs = {**project.verbs, **SHARED}
    summaries = SUMMARIES | {name: verb.summary for name, verb in verbs.items()}
    dists = (f"sciformer-{project.command}", "sciformer", "torch", "lightning")
    verb = _choose(project.command, project.summary, summaries, words, dists)
    own = verbs.get(verb)
    given = {"project": project} if verb in SHARED else {}
    with one_line(f"{project.command} {verb}", debug):
        check_clashes(project.name)
        if explained(project, verb, own, words):
            return
        known = sorted(configs_of(project.name).glob("*.yaml"))
        check_configs(words, [f"configs/{project.name}/{path.name}" for path in known])
        project, words = with_own_module(project, words)
        trust() if TRUST in words else restrict(project.module, project.data)
        if own and not own.fits:
            words = present(named(words[1:], own.bare), own.renamed)
            _call(own, f"{project.command} {verb}", words, given)
            return
        if ALL in words:
            words = ["fit" if own else verb, "--help"]
        elif own:
            words = resolve(own.call)(words[1:])
        sys.argv[1:] = words
        resolve(LIGHTNING)(project)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command of ``sciformer``."""
    words, debug = _prepared("sciformer", argv)
    sys.argv[1:] = words
    summaries = {name: verb.summary for name, verb in VERBS.items()}
    about, dists = "Four transformer papers on one core.", ("sciformer", "torch", "lightning")
    verb = _choose("sciformer", about, summaries, words, dists)
    with one_line(f"sciformer {verb}", debug):
        check_clashes()
        if not explained(None, verb, VERBS[verb], words):
            restrict()
            _call(VERBS[verb], f"sciformer {verb}", words[1:], {})


def _prepared(command: str, argv: Sequence[str] | None) -> tuple[list[str], bool]:
    """Words of the command line without ``--debug``, and whether it was among them."""
    let_idle_threads_sleep()
    os.environ["MPLBACKEND"] = "agg"  # figures are files; a notebook's backend is not found here
    typed = sys.argv[1:] if argv is None else argv
    remember([command, *typed])
    words = [spelled(word) for word in typed]
    if "--quiet" in words:
        be_quiet()
    return [word for word in words if word != "--debug"], "--debug" in words


def _call(verb: Verb, command: str, words: Sequence[str], given: Mapping[str, Any]) -> None:
    """Call the function of a verb."""
    function = resolve(verb.call)
    shown = verb.answers or not quiet()
    with nullcontext() if shown else redirect_stdout(StringIO()):
        call(function, command, words, **given)


def let_idle_threads_sleep() -> None:
    """Let idle threads of torch sleep (OpenMP), unless the user has set this.

    By default they busy-wait: next to two busy processes on two cores, a step of a small network
    takes 9 times its CPU time and 10 times as long. OpenMP reads the setting when torch is
    imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _choose(
    command: str,
    summary: str,
    verbs: Mapping[str, str],
    words: Sequence[str],
    dists: Sequence[str],
) -> str:
    if words and words[0] in verbs:
        return words[0]
    if words and words[0] == "--version":
        sys.stdout.write(f"{_versions(dists)}\n")
        sys.exit(0)
    if words and words[0] not in (*HELP, ALL):
        near = did_you_mean(words[0], verbs) or f"; choose from {', '.join(verbs)}"
        sys.stderr.write(f"{command}: error: no verb {words[0]!r}{near}\n")
        sys.exit(USAGE)
    listed(command, summary, verbs).print_help()
    sys.exit(0 if words else USAGE)


def _versions(dists: Sequence[str]) -> str:
    found = []
    for dist in dists:
        with suppress(PackageNotFoundError):
            found.append(f"{dist} {version(dist)}")
    return "\n".join(found)
