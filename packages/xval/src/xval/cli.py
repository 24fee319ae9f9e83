"""The command ``xval``."""

from sciformer.cli.main import run
from sciformer.cli.project import Project, Verb

PROJECT = Project(
    name="xval",
    summary="Numbers in text as one token, scaled by their value (arXiv 2310.02989).",
    module="xval.module:XValModule",
    data="xval.data.datamodule:TextData",
    links={"data.coding": "model.encoding", "data.context": "model.length"},
    verbs={
        "simulate": Verb("xval.data.shards:simulate", "texts of a built-in set as shards"),
        "convert": Verb("xval.convert.convert:convert", "weights of the paper's own code as ours"),
        "tokens": Verb(
            "xval.encodings.show:tokens", "how a text is cut, and what each number costs"
        ),
        "ask": Verb("xval.inference.ask:ask", "fill the masked numbers of a text"),
        "evaluate": Verb(
            "xval.evaluation.evaluate:evaluate",
            "the paper's tables and figures of a checkpoint, beside baselines",
        ),
        "sweep": Verb(
            "xval.studies.encodings:sweep",
            "a study: every encoding under one trainer, at equal samples and at equal time",
        ),
    },
)


def main() -> None:
    """Run one verb of the words of this process."""
    run(PROJECT)
