"""The command ``contextual-counting``."""

from sciformer.cli.main import run
from sciformer.cli.project import Project, Verb

PROJECT = Project(
    name="contextual_counting",
    summary="Count ones inside delimited regions with one transformer block (arXiv 2406.02585).",
    module="contextual_counting.module:CountingModule",
    data="contextual_counting.data.datamodule:CountingData",
    links={
        "data.stage_steps": "model.steps",
        "data.most_regions": "model.regions",
        "data.longest": "model.length",
    },
    verbs={
        "simulate": Verb(
            "contextual_counting.data.shards:simulate",
            "training sequences as WebDataset shards, on any number of processes, resumable",
        ),
        "evaluate": Verb(
            "contextual_counting.evaluation.evaluate:evaluate",
            "accuracy per region on other sets, with pictures, from a checkpoint or a run's folder",
        ),
        "analyze": Verb(
            "contextual_counting.analysis.analyze:analyze",
            "which circuit a checkpoint counts with, and where that must fail",
        ),
        "oracle": Verb(
            "contextual_counting.evaluation.oracle:oracle",
            "the paper's circuit in weights set by hand, and how well it counts",
        ),
        "sweep": Verb(
            "contextual_counting.studies.position_sweep:sweep",
            "the paper's grid of 24 masks and position encodings, trained and compared",
        ),
        "vary": Verb(
            "contextual_counting.studies.training_ranges:vary",
            "what a training keeps constant, and what counts are then compared with",
        ),
    },
)


def main() -> None:
    """Run one verb of the words of this process."""
    run(PROJECT)
