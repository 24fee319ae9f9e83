"""The command ``mpp``."""

from sciformer.cli.main import run
from sciformer.cli.project import Project, Verb

PROJECT = Project(
    name="mpp",
    summary="Pretrain one axial transformer on many physical systems (arXiv 2310.02994).",
    module="mpp.module:PhysicsModule",
    data="mpp.data.datamodule:PhysicsData",
    links={"data.fields": "model.fields", "data.all_batches": "model.steps"},
    verbs={
        "finetune": Verb(
            "mpp.inference.finetune_command:as_fit",
            "fit that starts from a trained network (mpp finetune CHECKPOINT --config FILE.yaml)",
            fits=True,
        ),
        "simulate": Verb(
            "mpp.data.simulate_command:simulate",
            "trajectories of a built-in system as shards, or as files of PDEBench or The Well",
        ),
        "convert": Verb("mpp.convert.convert:convert", "weights of the paper's own code as ours"),
        "evaluate": Verb(
            "mpp.evaluation.evaluate:evaluate",
            "errors of rollouts beside persistence and linear extrapolation, figures and films",
            renamed={"windows": "samples"},
        ),
        "joint": Verb(
            "mpp.studies.joint:joint",
            "a study: one network for several systems beside one for each",
        ),
        "transfer": Verb(
            "mpp.studies.transfer:transfer",
            "a study: finetuning on a new system beside training from scratch",
        ),
        "rollout": Verb(
            "mpp.inference.rollout_command:rollout_file",
            "predict many frames after those of a file of one's own",
        ),
    },
)


def main() -> None:
    """Run one verb of the words of this process."""
    run(PROJECT)
