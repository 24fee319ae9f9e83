"""The command ``astroclip``."""

from sciformer.cli.main import run
from sciformer.cli.project import Project, Verb

PROJECT = Project(
    name="astroclip",
    summary="Images and spectra of galaxies in one embedding space (arXiv 2310.03024).",
    module="astroclip.module:AstroCLIPModule",
    data="astroclip.data.datamodule:GalaxyData",
    links={"data.size": "model.size"},
    verbs={
        "simulate": Verb("astroclip.data.shards:simulate", "simulated galaxies as shards"),
        "convert": Verb(
            "astroclip.convert.convert:convert", "weights of the paper's own code as ours"
        ),
        "embed": Verb(
            "astroclip.inference.embed:embed", "embeddings of the galaxies of files or shards"
        ),
        "search": Verb(
            "astroclip.inference.search:search",
            "the galaxies whose spectra are nearest to an image, or whose images to a spectrum",
        ),
        "evaluate": Verb(
            "astroclip.evaluation.evaluate:evaluate",
            "retrieval, properties and figures of a checkpoint, beside baselines",
            renamed={"files": "data", "shards": "data"},
        ),
        "probe": Verb(
            "astroclip.evaluation.probe_command:probe", "properties of galaxies read off embeddings"
        ),
    },
)


def main() -> None:
    """Run one verb of the words of this process."""
    run(PROJECT)
