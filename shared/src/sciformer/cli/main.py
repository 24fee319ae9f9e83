"""Entry point of every project's command line; imports a command only when it is called."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from sciformer.allowlist import TRUST, restrict, trust
from sciformer.cli.config_errors import check_configs
from sciformer.cli.options import call, present, resolve, shipped, spelled
from sciformer.cli.project import Project, Verb
from sciformer.errors import USAGE, one_line
from sciformer.report.origin import remember

LIGHTNING = "sciformer.cli.lightning:run"  # importing it costs some 4 CPU-seconds
LIGHTNING_VERBS = {
    "fit": "train, with --config FILE.yaml and overrides such as --trainer.max_epochs 2",
    "validate": "the validation metrics of a checkpoint (--ckpt_path)",
    "test": "the test metrics of a checkpoint (--ckpt_path)",
    "predict": "run the network over the test data of a checkpoint (--ckpt_path)",
}


def run(project: Project, argv: Sequence[str] | None = None) -> None:
    """Run a command of a project.

    Args:
        project: Project of the command line.
        argv: Arguments of the command line; ``None`` uses ``sys.argv``.

    Raises:
        SystemExit: With code 2 and one line on stderr if the input is invalid.
    """
    let_idle_threads_sleep()
    typed = sys.argv[1:] if argv is None else argv
    remember([project.command, *typed])
    words = [spelled(word) for word in typed]
    debug = "--debug" in words
    words = [shipped(project.name, word) for word in words if word != "--debug"]
    sys.argv[1:] = words  # LightningCLI warns if it is given other arguments than the process
    summaries = LIGHTNING_VERBS | {name: verb.summary for name, verb in project.verbs.items()}
    verb = _choose(project.command, project.summary, summaries, words)
    with one_line(f"{project.command} {verb}", debug):
        trust() if TRUST in words else restrict(project.module, project.data)
        check_configs(words)
        own = project.verbs.get(verb)
        if own and not own.fits:
            words = present(words[1:], own.renamed)
            call(resolve(own.call), f"{project.command} {verb}", words)
            return
        if own:
            sys.argv[1:] = resolve(own.call)(words[1:])
        resolve(LIGHTNING)(project)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command of ``sciformer``."""
    let_idle_threads_sleep()
    verbs = {
        "demo": Verb(
            "sciformer.cli.demo:demo",
            "quick training of every installed project, and one page of results",
        ),
        "new": Verb("sciformer.cli.new_project:new", "create a new project from a template"),
        "verify": Verb("sciformer.data.shards.verify:verify", "check all checksums of a data set"),
        "export": Verb(
            "sciformer.training.checkpoints.export:export",
            "export a checkpoint to safetensors, or import one",
        ),
    }
    typed = sys.argv[1:] if argv is None else argv
    remember(["sciformer", *typed])
    words = [spelled(word) for word in typed]
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    sys.argv[1:] = words
    summaries = {name: verb.summary for name, verb in verbs.items()}
    verb = _choose("sciformer", "Four transformer papers on one core.", summaries, words)
    with one_line(f"sciformer {verb}", debug):
        restrict()
        call(resolve(verbs[verb].call), f"sciformer {verb}", words[1:])


def let_idle_threads_sleep() -> None:
    """Let idle threads of torch sleep (OpenMP), unless the user has set this.

    By default they busy-wait: next to two busy processes on two cores, a step of a small network
    takes 9 times its CPU time and 10 times as long. OpenMP reads the setting when torch is
    imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _choose(command: str, summary: str, verbs: Mapping[str, str], words: Sequence[str]) -> str:
    if words and words[0] in verbs:
        return words[0]
    if words and words[0] not in ("-h", "--help"):
        known = ", ".join(verbs)
        sys.stderr.write(f"{command}: error: no verb {words[0]!r}; choose from {known}\n")
        sys.exit(USAGE)
    parser = argparse.ArgumentParser(command, description=summary)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    listing = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for name, text in verbs.items():
        listing.add_parser(name, help=text, add_help=False)
    parser.epilog = f"{command} VERB --help explains every option of a verb."
    parser.print_help()
    sys.exit(0 if words else USAGE)
