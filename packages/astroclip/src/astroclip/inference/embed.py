"""``astroclip embed``: embeddings of the galaxies of files or shards."""

import sys

import astroclip
from astroclip.data.readers.open import Files
from astroclip.data.source import Bad, OnError
from astroclip.inference import embedding_files
from astroclip.inference.encode import about, encoded, open_galaxies
from sciformer.arguments import check_least
from sciformer.evaluation.run import open_run
from sciformer.files import new_file


def embed(
    checkpoint: str,
    files: Files | None = None,
    shards: str | None = None,
    out: str = "embeddings.parquet",
    batch_size: int = 256,
    on_error: OnError = "raise",
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write the embeddings of galaxies, of their images, spectra or both, with ids and labels.

    The file is written as the galaxies are read, so that memory does not grow with their number; it
    is there when it is whole. ``astroclip search`` and ``astroclip probe`` read it.

    Args:
        checkpoint: A checkpoint, or a run's folder.
        files: A path or pattern of files of galaxies, of any kind that can be read; a table with
            ``path``, or ``images`` and ``spectra``, and ``labels``; or a list of these.
        shards: Folder that ``astroclip simulate`` wrote.
        out: File that ends in ``.parquet`` or ``.npz``.
        batch_size: Galaxies that are read and embedded at a time.
        on_error: Whether a galaxy that cannot be used ends all (``raise``), or is named on stderr
            and left out (``skip``).
        device: ``cpu``, ``cuda`` or another device of torch; by default the GPU, if there is one.
        overwrite: Replace a file that is there.

    Raises:
        ValueError: If the checkpoint or a galaxy cannot be used; nothing is written then.
    """
    check_least(batch_size=(batch_size, 1))
    file = new_file(embedding_files.check_name(out), overwrite)
    run = open_run(checkpoint, astroclip.AstroCLIPModule, device)
    source = open_galaxies(files, shards, on_error)
    left_out: list[Bad] = []

    def tell(bad: Bad) -> None:
        left_out.append(bad)
        sys.stderr.write(f"left out: {bad.reason}\n")

    parts = encoded(run.module, source, batch_size, on_error, tell)
    embedding_files.write(file, parts, about(run))
    said = f"{len(source) - len(left_out)} galaxies"
    said += f", {len(left_out)} left out" if left_out else ""
    print(f"{out}: {said}")  # noqa: T201  # what the verb answers
