"""A local or remote folder of shards."""

import os
import shutil
import tempfile
import weakref
from io import FileIO
from pathlib import Path

from fsspec.core import url_to_fs

from sciformer.data.open_files import open_raw
from sciformer.data.shards.index import INDEX, Recipe, read_index
from sciformer.files import write_atomically
from sciformer.text import reason, without_secrets


class Folder:
    """Folder written by ``write_shards``, with access to its files.

    Each rank copies remote files to a temporary folder on first use; it is removed at the end.
    Range requests would save space, but not every web server supports them, and random order needs
    every shard anyway.

    Args:
        address: Path, or address that fsspec supports: ``https://``, ``s3://``, ``memory://``.
            Its user, password and query (after ``?``) are used, but never shown.

    Raises:
        ValueError: For an address that cannot be read, or an invalid index.
    """

    def __init__(self, address: str | Path) -> None:
        self._given = str(address).rstrip("/") or "/"
        self.address = without_secrets(self._given)
        if self._given.startswith("pipe:") or "::" in self._given:
            raise ValueError(f"{self.address}: neither commands nor chains of addresses are read")
        self.remote = "://" in self._given
        self._here = Path(self._given)
        if self.remote:
            self._here = Path(tempfile.mkdtemp(prefix="sciformer-"))
            weakref.finalize(self, _remove, self._here, os.getpid())
            _fetch(self._at(INDEX), self._here / INDEX)
        try:
            self.index = read_index(self._here)
        except ValueError as error:
            raise ValueError(str(error).replace(str(self._here), self.address)) from error

    def _at(self, file: str) -> str:
        """Address of a file, with user and signature of the folder's address."""
        place, mark, query = self._given.partition("?")
        return f"{place.rstrip('/')}/{file}{mark}{query}"

    def name(self, number: int) -> str:
        """Name of a shard in errors."""
        return f"{self.address}/{self.index.shards[number].file}"

    def path(self, number: int) -> Path:
        """Local path of a shard; downloads it if necessary.

        Args:
            number: Index of the shard.

        Returns:
            Its path on this machine.

        Raises:
            ValueError: If it is missing, or its size differs from the index.
        """
        shard = self.index.shards[number]
        path = self._here / shard.file
        if self.remote and not path.exists():
            _fetch(self._at(shard.file), path, shard.size)
        size = path.stat().st_size if path.is_file() else None
        if size != shard.size:
            found = "no such file" if size is None else f"size: {size} bytes"
            raise ValueError(f"{self.name(number)}: {found}, but {INDEX} has {shard.size} bytes")
        return path

    def made_by(self, generator: str, version: str) -> Recipe:
        """Recipe of the folder, after a check of its generator.

        Args:
            generator: Expected generator.
            version: Expected version.

        Returns:
            The recipe.

        Raises:
            ValueError: If the generator or version differs.
        """
        made = self.index.recipe
        if (made.generator, made.version) != (generator, version):
            found = f"{made.generator} {made.version}"
            raise ValueError(f"{self.address}: made by {found}, not {generator} {version}")
        return made

    def open(self, number: int) -> FileIO:
        """Open a shard for unbuffered reading; raises like :meth:`path`."""
        return open_raw(self.path(number))

    def check(self) -> "Folder":
        """Raise ``ValueError`` for the first shard that is missing or has another size."""
        if not self.remote:
            for number in range(len(self.index.shards)):
                self.path(number)
        return self


def _fetch(address: str, path: Path, wanted: int | None = None) -> None:
    """Copy a remote file, after a check of its size if the server reports one."""
    name = without_secrets(address)
    try:
        system, place = url_to_fs(address)
        size = wanted and system.size(place)
        if size == wanted or size is None:
            write_atomically(path, lambda beside: system.get_file(place, str(beside)))
    except Exception as error:  # each protocol has errors of its own
        raise ValueError(f"{name}: cannot be read: {reason(error)}") from error
    if size != wanted and size is not None:
        raise ValueError(f"{name}: size: {size} bytes, but {INDEX} has {wanted} bytes")


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # and not a fork of it
        shutil.rmtree(folder, ignore_errors=True)
