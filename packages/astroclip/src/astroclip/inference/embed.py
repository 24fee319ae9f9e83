"""``astroclip embed``: embed galaxies from files or shards."""

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
    """Write embeddings of galaxies (images, spectra or both) to a file, with ids and labels.

    Galaxies are streamed, so memory use does not grow with their number; the file appears when it
    is complete. ``astroclip search`` and ``astroclip probe`` read the file.

    Args:
        checkpoint: A checkpoint or a run folder.
        files: Path or glob pattern of files of galaxies, in any supported format; a table with
            ``path``, or ``images`` and ``spectra``, and optionally ``labels``; or a list of these.
        shards: Folder written by ``astroclip simulate``.
        out: Output file, ``.parquet`` or ``.npz``.
        batch_size: Galaxies per batch.
        on_error: What to do with a galaxy that cannot be used: stop with an error (``raise``), or
            report it on stderr and continue (``skip``).
        device: ``cpu``, ``cuda`` or another device of torch; by default the GPU, if there is one.
        overwrite: Replace an existing file.

    Raises:
        ValueError: If the checkpoint or a galaxy cannot be used; nothing is written in this case.
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
