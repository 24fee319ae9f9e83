"""``astroclip embed``: embed galaxies from files or shards."""

import json
from pathlib import Path

import astroclip
from astroclip.data.entry import Files, OnError
from astroclip.data.on_error import LeftOut
from astroclip.inference import embedding_files
from astroclip.inference.embedding_folder import PART, Survey, check_folder, units
from astroclip.inference.encode import about, encoded, open_galaxies, own_device
from sciformer.arguments import check_least
from sciformer.evaluation.run import open_run
from sciformer.files import new_file
from sciformer.training.distributed.environment import place


def embed(  # the options of the command line
    checkpoint: str,
    files: Files | None = None,
    shards: str | None = None,
    out: str = "embeddings.parquet",
    batch_size: int = 256,
    part: int = PART,
    on_error: OnError = "skip",
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write embeddings of galaxies (images, spectra or both), with ids and labels.

    Galaxies are streamed, so memory use does not grow with their number. To a file, which appears
    when it is complete; or to a folder of parquet files, for surveys: a run that was killed goes on
    where it was, other galaxies are appended, and all processes that torchrun or SLURM started
    share the work. The files are the same whoever wrote them. ``_bad.csv`` in the folder lists the
    galaxies that were left out. ``astroclip search`` and ``astroclip probe`` read both.

    Args:
        checkpoint: A checkpoint, a run folder, or weights of the original (AstroCLIP, SpecFormer,
            AstroDINO), as published or as converted.
        files: Path or glob pattern of files of galaxies, in any supported format; a table with
            ``path``, or ``images`` and ``spectra``, and optionally ``labels``; or a list of these.
            For a folder, each entry of a list is opened when its turn comes.
        shards: Folder written by ``astroclip simulate``.
        out: Output file, ``.parquet`` or ``.npz``; without such an ending, a folder.
        batch_size: Galaxies per batch.
        part: Galaxies of each file of a folder, including those that are left out.
        on_error: What to do with a file or a galaxy that cannot be used: report it on stderr and go
            on with the others (``skip``), or stop with an error (``stop``).
        device: ``cpu``, ``cuda`` or another device of torch; by default the GPU, if there is one;
            of several, each process of a machine takes its own.
        overwrite: Replace an existing file, or all embeddings of a folder.

    Raises:
        ValueError: If the checkpoint or a galaxy cannot be used, or a folder holds embeddings of
            another network, or of other galaxies under the same name. No part is incomplete.
    """
    check_least(batch_size=(batch_size, 1), part=(part, 1))
    here = place()
    device = device or own_device(here.local)
    if Path(out).suffix == "":
        folder = check_folder(out, overwrite, here)
        run = open_run(checkpoint, astroclip.AstroCLIPModule, device)
        survey = Survey(folder, run.module, about(run), batch_size, part, on_error)
        print(survey.write(units(files, shards, run.module.model.kinds), here))  # noqa: T201
        return
    if here.world > 1:
        alone = f"a file is written by one process, and not by {here.world}"
        raise ValueError(f"out: {out}: {alone}; a folder, without an ending, by many")
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
