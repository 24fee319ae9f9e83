"""Command line of MPP: ``mpp``."""

from sciformer.cli.main import run
from sciformer.cli.project import Project, Verb, Weights

PROJECT = Project(
    name="mpp",
    summary="Pretrain one axial transformer on many physical systems (arXiv 2310.02994).",
    module="mpp.module:PhysicsModule",
    data="mpp.data.datamodule:PhysicsData",
    links={"data.fields": "model.fields", "data.all_batches": "model.steps"},
    weights=tuple(  # of the original
        Weights(
            f"MPP AViT-{name} (original)",
            f"{count} M",
            "a folder of Google Drive: README of PolymathicAI/multiple_physics_pretraining",
            licence="MIT (of the code)",
        )
        for name, count in (("Ti", 7.3), ("S", 29.0), ("B", 115.6), ("L", 407.1))
    ),
    quick_minutes=3.8,
    verbs={
        "finetune": Verb(
            "mpp.inference.finetune_command:as_fit",
            "train from a pretrained network (mpp finetune CHECKPOINT --config FILE.yaml)",
            "runs/mpp/quick --config configs/mpp/transfer.yaml --model.freeze middle",
            fits=True,
        ),
        "simulate": Verb(
            "mpp.data.simulate_command:simulate",
            "write trajectories of a simulated system as shards, or as PDEBench or The Well HDF5",
            "shallow_water --out data/mpp --samples 64",
        ),
        "convert": Verb(
            "mpp.convert.convert:convert",
            "convert original MPP weights",
            "MPP_AViT_Ti.tar mpp_ti.safetensors",
        ),
        "inspect": Verb(
            "mpp.evaluation.inspect_command:inspect",
            "show what is understood of a file, or what to say of it",
            "my_runs.hdf5",
            answers=True,
        ),
        "evaluate": Verb(
            "mpp.evaluation.evaluate:evaluate",
            "evaluate a checkpoint: rollout errors, baselines, figures and movies",
            "runs/mpp/quick --data 'my_runs/*.hdf5'",
            renamed={"windows": "samples"},
        ),
        "joint": Verb(
            "mpp.studies.joint:joint",
            "a study: one network for several systems against one network per system",
            "--seeds 3 --jobs 2",
        ),
        "transfer": Verb(
            "mpp.studies.transfer:transfer",
            "a study: finetuning on a new system against training from scratch",
            "--pretrained runs/mpp/joint --like '{density: height}'",
        ),
        "rollout": Verb(
            "mpp.inference.rollout_command:rollout_file",
            "predict many frames from the first frames of a file",
            "runs/mpp/quick my_runs.hdf5 --steps 50",
        ),
    },
)


def main() -> None:
    """Run the command given by ``sys.argv``."""
    run(PROJECT)
