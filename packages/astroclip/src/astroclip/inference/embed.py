"""``astroclip embed``: embed galaxies from files or shards."""

import json

import astroclip
from astroclip.data.on_error import LeftOut, OnError
from astroclip.data.readers.open import Files
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
    on_error: OnError = "skip",
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write embeddings of galaxies (images, spectra or both) to a file, with ids and labels.

    Galaxies are streamed, so memory use does not grow with their number; the file appears when it
    is complete. ``astroclip search`` and ``astroclip probe`` read the file.

    Args:
        checkpoint: A checkpoint, a run folder, or weights of the original (AstroCLIP, SpecFormer,
            AstroDINO), as published or as converted.
        files: Path or glob pattern of files of galaxies, in any supported format; a table with
            ``path``, or ``images`` and ``spectra``, and optionally ``labels``; or a list of these.
        shards: Folder written by ``astroclip simulate``.
        out: Output file, ``.parquet`` or ``.npz``.
        batch_size: Galaxies per batch.
        on_error: What to do with a file or a galaxy that cannot be used: report it on stderr and go
            on with the others (``skip``), or stop with an error (``stop``).
        device: ``cpu``, ``cuda`` or another device of torch; by default the GPU, if there is one.
        overwrite: Replace an existing file.

    Raises:
        ValueError: If the checkpoint or a galaxy cannot be used; nothing is written in this case.
    """
    check_least(batch_size=(batch_size, 1))
    file = new_file(embedding_files.check_name(out), overwrite)
    run = open_run(checkpoint, astroclip.AstroCLIPModule, device)
    source = open_galaxies(files, shards, on_error)
    tell = LeftOut()
    parts = encoded(run.module, source, batch_size, on_error, tell)
    origin = {**about(run)}
    if source.classes:
        origin[embedding_files.CLASSES] = json.dumps({**source.classes}, default=list)
    embedding_files.write(file, parts, origin)
    said = f"{len(source) - tell.count} galaxies"
    said += f", {tell.count} left out; --on_error stop ends at the first" if tell.count else ""
    print(f"{out}: {said}")  # noqa: T201  # what the verb answers
