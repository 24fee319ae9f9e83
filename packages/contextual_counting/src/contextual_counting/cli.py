"""Command line of contextual counting: ``contextual-counting``."""

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
    quick_minutes=0.8,
    verbs={
        "simulate": Verb(
            "contextual_counting.data.shards:simulate",
            "write training sequences as WebDataset shards, in parallel, resumable",
            "--out data/counting --samples 6400 --length 64 --regions 2",
        ),
        "evaluate": Verb(
            "contextual_counting.evaluation.evaluate:evaluate",
            "evaluate a checkpoint: accuracy per region on several test sets, with figures",
            "runs/contextual_counting/quick",
        ),
        "analyze": Verb(
            "contextual_counting.analysis.analyze:analyze",
            "analyze a checkpoint: its counting circuit, and the inputs on which it fails",
            "runs/contextual_counting/quick --samples 200",
        ),
        "foretell": Verb(
            "contextual_counting.analysis.foretell:foretell",
            "sum up, over many checkpoints, how often failures are predicted",
            "runs/contextual_counting/sweep --match 'causal-none-*' --samples 200",
        ),
        "oracle": Verb(
            "contextual_counting.evaluation.oracle:oracle",
            "build and evaluate the paper's circuit with weights set by hand",
            "--bias begin --samples 100 --out oracle.ckpt",
            answers=True,
        ),
        "sweep": Verb(
            "contextual_counting.studies.position_sweep:sweep",
            "a study: the paper's grid of 24 attention masks and position encodings",
            "--config configs/contextual_counting/sweep.yaml --jobs 2",
        ),
        "vary": Verb(
            "contextual_counting.studies.training_ranges:vary",
            "a study: how variability of the training data affects the learned reference token",
            "--config configs/contextual_counting/vary.yaml --seeds 3",
        ),
        "reliability": Verb(
            "contextual_counting.studies.reliability:reliability",
            "a study: one configuration with many seeds; how many of them count, and which not",
            "configs/contextual_counting/quick.yaml --seeds 10",
        ),
    },
)


def main() -> None:
    """Run the command given by ``sys.argv``."""
    run(PROJECT)
