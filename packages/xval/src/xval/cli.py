"""Command line of xVal: ``xval``."""

from sciformer.cli.main import run
from sciformer.cli.project import Project, Verb

PROJECT = Project(
    name="xval",
    summary="Numbers in text as one token, scaled by their value (arXiv 2310.02989).",
    module="xval.module:XValModule",
    data="xval.data.datamodule:TextData",
    links={"data.coding": "model.encoding", "data.context": "model.length"},
    verbs={
        "simulate": Verb("xval.data.shards:simulate", "write texts of a simulated set as shards"),
        "convert": Verb("xval.convert.convert:convert", "convert original xVal weights"),
        "tokens": Verb(
            "xval.encodings.show:tokens",
            "show the tokens of a text, and the tokens per number of each encoding",
        ),
        "ask": Verb(
            "xval.inference.ask_command:ask",
            "fill the masked numbers of a text, or the missing ones of a table",
            second="text",
        ),
        "inspect": Verb("xval.data.inspect_command:inspect", "show how a table is read"),
        "evaluate": Verb(
            "xval.evaluation.evaluate:evaluate",
            "evaluate a checkpoint: the paper's tables and figures, baselines",
        ),
        "sweep": Verb(
            "xval.studies.encodings:sweep",
            "a study: compare number encodings at equal samples and at equal CPU time",
        ),
    },
)


def main() -> None:
    """Run the command given by ``sys.argv``."""
    run(PROJECT)
