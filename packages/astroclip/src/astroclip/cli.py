"""Command line of AstroCLIP: ``astroclip``."""

from sciformer.cli.main import run
from sciformer.cli.project import Project, Verb, Weights

PROJECT = Project(
    name="astroclip",
    summary="Images and spectra of galaxies in one embedding space (arXiv 2310.03024).",
    module="astroclip.module:AstroCLIPModule",
    data="astroclip.data.datamodule:GalaxyData",
    links={"data.size": "model.size"},
    weights=(  # of the original, by its listings; the files themselves were not at hand
        Weights("AstroCLIP (original)", "370.6 M", "hub:polymathic-ai/astroclip", licence="MIT"),
        Weights("AstroDINO (original)", "", "hub:polymathic-ai/astrodino", licence="MIT"),
        Weights("SpecFormer (original)", "", "hub:polymathic-ai/specformer", licence="MIT"),
    ),
    quick_minutes=3.1,
    verbs={
        "simulate": Verb(
            "astroclip.data.shards:simulate",
            "write simulated galaxies as shards",
            "--out data/bank --samples 16384 --seed 5",
        ),
        "convert": Verb(
            "astroclip.convert.convert:convert",
            "convert original AstroCLIP weights",
            "astroclip.ckpt astroclip.safetensors",
        ),
        "inspect": Verb(
            "astroclip.inference.inspect_files:inspect",
            "print what is understood of files",
            "my/spectra",
            answers=True,
        ),
        "embed": Verb(
            "astroclip.inference.embed:embed",
            "embed galaxies from files or shards",
            "runs/astroclip/quick --files '{images: my/images, spectra: my/spectra}'",
        ),
        "search": Verb(
            "astroclip.inference.search:search",
            "nearest neighbors of a galaxy, by its image or its spectrum",
            "mine.parquet 39633345008634465 --k 8",
            answers=True,
        ),
        "explore": Verb(
            "astroclip.inference.explore:explore",
            "page on this machine: map of embeddings, neighbors of what is clicked",
            "mine.parquet --files '{images: my/images, spectra: my/spectra}'",
            answers=True,
        ),
        "evaluate": Verb(
            "astroclip.evaluation.evaluate:evaluate",
            "evaluate a checkpoint: retrieval, property prediction, baselines, figures",
            "runs/astroclip/quick --samples 500",
            renamed={"files": "data", "shards": "data"},
        ),
        "probe": Verb(
            "astroclip.evaluation.probe_command:probe",
            "predict galaxy properties from embeddings (k-NN, MLP)",
            "mine.parquet",
        ),
    },
)


def main() -> None:
    """Run the command given by ``sys.argv``."""
    run(PROJECT)
