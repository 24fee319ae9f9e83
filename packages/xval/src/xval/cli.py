"""Command line of xVal: ``xval``."""

from sciformer.cli.main import run
from sciformer.cli.project import Project, Verb, Weights

PROJECT = Project(
    name="xval",
    summary="Numbers in text as one token, scaled by their value (arXiv 2310.02989).",
    module="xval.module:XValModule",
    data="xval.data.datamodule:TextData",
    links={"data.coding": "model.encoding", "data.context": "model.length"},
    weights=(Weights("xVal (original)", licence="none is stated"),),
    quick_minutes=2.4,
    verbs={
        "simulate": Verb(
            "xval.data.shards:simulate",
            "write texts of a simulated set as shards",
            "--set planets --samples 10000 --out data/xval",
        ),
        "convert": Verb(
            "xval.convert.convert:convert",
            "convert original xVal weights",
            "xval_planets.pt xval.safetensors",
        ),
        "tokens": Verb(
            "xval.encodings.show:tokens",
            "show the tokens of a text, and the tokens per number of each encoding",
            "\"{'mass':1.5e-3}\"",
            answers=True,
        ),
        "ask": Verb(
            "xval.inference.ask_command:ask",
            "fill the masked numbers of a text, or the missing ones of a table",
            "runs/xval/quick \"{'a':[MASK],'stepsize':0.5,'data':[[1.05,0],[0.9,0.5]]}\"",
            answers=True,
            bare=("", "text"),
        ),
        "inspect": Verb(
            "xval.data.inspect_command:inspect",
            "show how a table is read",
            "my_table.csv",
            answers=True,
        ),
        "evaluate": Verb(
            "xval.evaluation.evaluate:evaluate",
            "evaluate a checkpoint: the paper's tables and figures, baselines",
            "runs/xval/quick --data my.csv",
        ),
        "sweep": Verb(
            "xval.studies.encodings:sweep",
            "a study: compare number encodings at equal samples and at equal CPU time",
            "--config configs/xval/quick.yaml --seeds 1",
        ),
    },
)


def main() -> None:
    """Run the command given by ``sys.argv``."""
    run(PROJECT)
