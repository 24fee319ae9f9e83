"""``astroclip explore``: a page on this machine with a map of embeddings, to click through."""

import re
import webbrowser
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files as resources
from threading import Lock
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import numpy as np
import torch
from jaxtyping import Float32

from astroclip.data.batch import Galaxy
from astroclip.data.entry import Files, OnError
from astroclip.data.source import Source
from astroclip.inference.bank import Bank
from astroclip.inference.blockwise import search_blocks
from astroclip.inference.encode import open_galaxies
from astroclip.inference.query import of_bank
from astroclip.inference.query_words import ask
from astroclip.inference.search_figure import spectrum_svg, stamp_png
from sciformer.arguments import check_least
from sciformer.interpret.components import principal
from sciformer.strict_json import to_json
from sciformer.text import reason

HOST = "127.0.0.1"
NEAREST = 8  # neighbors of each kind
KEPT = 256  # pictures
SAMPLE = 200_000  # galaxies from which the principal components are computed
STATIC = {"/": "text/html", "/explore.js": "text/javascript", "/explore.css": "text/css"}
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PICTURE = re.compile(r"/(image|spectrum)/(\d{1,12})")


def explore(
    bank: str,
    files: Files | None = None,
    shards: str | None = None,
    port: int = 8642,
    browse: bool = True,
    on_error: OnError = "skip",
) -> None:
    """Serve a page on this machine: a map of embeddings, and the neighbors of what is clicked.

    The map shows two principal components. A galaxy that is clicked, or searched by id or position,
    is shown with labels and position, and with the galaxies whose images and whose spectra are
    nearest; with ``--files`` or ``--shards`` also with pictures. Ctrl-C ends it. Only browsers of
    this machine reach it.

    Args:
        bank: File or folder written by ``astroclip embed``.
        files: Files of the bank's galaxies, as in ``astroclip embed``, for images and spectra.
        shards: Folder of shards of the bank's galaxies.
        port: Port of the page on 127.0.0.1; 0 takes a free one.
        browse: Open the page in the browser.
        on_error: What to do with files that cannot be used: ``skip`` or ``stop``.

    Raises:
        ValueError: If the bank or the files cannot be read, or the port is taken.
    """
    check_least(port=(port, 0))
    given = files is not None or shards is not None
    opened = Bank(bank)
    explorer = Explorer(opened, open_galaxies(files, shards, on_error) if given else None)
    with server(explorer, port) as serving:
        address = f"http://{HOST}:{serving.server_address[1]}/"
        print(f"{address}  (Ctrl-C ends it)", flush=True)  # noqa: T201  # what the verb answers
        if browse:
            webbrowser.open(address)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            print()  # noqa: T201  # below ^C


class Explorer:
    """What the page shows.

    Args:
        bank: Bank of embeddings; its vectors of the shared space are kept in memory.
        source: Images and spectra of the galaxies, if given.
    """

    def __init__(self, bank: Bank, source: Source | None = None) -> None:
        self.bank = bank
        self.lock = Lock()  # one answer at a time: open files and matplotlib are not thread-safe
        self.vectors = {
            kind: np.concatenate([*bank.blocks(f"{kind}_z")])
            for kind in ("image", "spectrum")
            if f"{kind}_z" in bank.vectors
        }
        if not self.vectors:
            raise ValueError(f"{bank.path}: no image_z and no spectrum_z, which the map is made of")
        self.points = principal_plane(next(reversed(self.vectors.values())))
        self.labels = {name: bank.column(name).astype(np.float32) for name in bank.labels}
        self.source = source
        numbers = {} if source is None else {source.id(n): n for n in range(len(source))}
        self.numbers = numbers
        self.picture = lru_cache(KEPT)(self._picture)

    def about(self) -> dict[str, Any]:
        """What the page needs to begin: number of galaxies, labels, kinds of embeddings."""
        return {
            "count": len(self.bank),
            "labels": list(self.labels),
            "kinds": list(self.vectors),
            "pictures": self.source is not None,
        }

    def galaxy(self, row: int) -> dict[str, Any]:
        """A galaxy and its neighbors of every kind, from each of its embeddings.

        Args:
            row: Index in the bank.

        Returns:
            ``galaxy``, and ``near``: lists by ``of`` and ``kind``.
        """
        near = []
        for of in self.vectors:
            (query,) = of_bank(self.bank, [row], of)  # pyright: ignore[reportArgumentType]
            for kind, vectors in self.vectors.items():
                k = min(NEAREST + 1, len(vectors))
                found = search_blocks(query.vector[None], [vectors], k)
                pairs = zip(found.number[0].tolist(), found.cosine[0].tolist(), strict=True)
                rows = [(n, c) for n, c in pairs if of != kind or n != row][:NEAREST]
                told = self.told([n for n, _ in rows])
                for each, (_, cosine) in zip(told, rows, strict=True):
                    each["cosine"] = cosine
                near.append({"of": of, "kind": kind, "galaxies": told})
        return {"galaxy": self.told([row])[0], "near": near}

    def told(self, rows: list[int]) -> list[dict[str, Any]]:
        """Id, labels and position of galaxies."""
        ids, found = self.bank.ids(rows), []
        for id, row in zip(ids, rows, strict=True):
            labels: dict[str, Any] = {n: float(v[row]) for n, v in self.labels.items()}
            for name, words in self.bank.classes.items():
                value = labels.get(name, float("nan"))
                if value.is_integer() and 0 <= value < len(words):
                    labels[name] = words[int(value)]
            known = self.bank.positions
            place = None if known is None else known[row].tolist()
            found.append({"row": row, "id": id, "labels": labels, "position": place})
        return found

    def found(self, word: str) -> dict[str, Any]:
        """Row of the galaxy with an id, an index or a position."""
        (query,) = ask(self.bank, [word], files=False)
        return {"row": query.row}

    def _picture(self, kind: str, row: int) -> bytes:
        galaxy = self._galaxy(self.bank.ids([row])[0])
        return stamp_png(galaxy) if kind == "image" else spectrum_svg(galaxy)

    def _galaxy(self, id: str) -> Galaxy:
        if self.source is None or id not in self.numbers:
            raise ValueError(f"{id}: no files are given that have it")
        return self.source[self.numbers[id]]


def principal_plane(
    vectors: Float32[np.ndarray, "galaxies dim"],
) -> Float32[np.ndarray, "galaxies 2"]:
    """First two principal components, scaled to -1 to 1 (the central 99.8 %)."""
    some = torch.from_numpy(vectors[:: max(1, len(vectors) // SAMPLE)])
    mean, axes, _ = principal(some, min(2, vectors.shape[1]))
    flat = (vectors - mean.float().numpy()) @ axes.float().numpy()
    flat = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    low, high = np.percentile(flat, [0.1, 99.9], axis=0)
    scale = np.maximum(high - low, 1e-9)
    return np.clip(2 * (flat - low) / scale - 1, -1.05, 1.05).astype(np.float32)


def server(explorer: Explorer, port: int) -> ThreadingHTTPServer:
    """Server of the page on loopback; it answers GET of known paths alone.

    Args:
        explorer: What the page shows.
        port: Port; 0 takes a free one.

    Returns:
        The server, which listens already.

    Raises:
        ValueError: If the port is taken.
    """
    try:
        serving = ThreadingHTTPServer((HOST, port), type("Own", (Page,), {"explorer": explorer}))
    except (OSError, OverflowError) as error:
        raise ValueError(f"port: {port}: {reason(error)}") from error
    serving.daemon_threads = True
    return serving


class Page(BaseHTTPRequestHandler):
    """Answers of the server."""

    explorer: ClassVar[Explorer]
    server_version, sys_version = "astroclip", ""

    def do_GET(self) -> None:  # http.server's name
        """Answer a request."""
        port = str(self.server.server_address[1])  # pyright: ignore[reportIndexIssue]
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self._say(403, b"this page is for 127.0.0.1", "text/plain")  # DNS rebinding
            return
        try:
            with self.explorer.lock:
                kind, content = self._answer(urlsplit(self.path).path)
            self._say(200, content, kind)
        except KeyError:
            self._say(404, b"no such page", "text/plain")
        except ValueError as error:
            self._say(404, reason(error).encode(), "text/plain")

    def _answer(self, path: str) -> tuple[str, bytes]:
        mine = self.explorer
        asked = parse_qs(urlsplit(self.path).query)
        if path in STATIC:
            name = path[1:] or "explore.html"
            return STATIC[path], (resources("astroclip") / "inference/page" / name).read_bytes()
        if found := PICTURE.fullmatch(path):
            kind = "image/png" if found[1] == "image" else "image/svg+xml"
            return kind, mine.picture(found[1], self._row(found[2]))
        routes: Mapping[str, Callable[[], Mapping[str, Any]]] = {
            "/about": mine.about,
            "/galaxy": lambda: mine.galaxy(self._row(asked["row"][0])),
            "/find": lambda: mine.found(asked["word"][0]),
        }
        if path == "/points":
            return "application/octet-stream", mine.points.astype("<f4").tobytes()
        if path == "/label":
            return "application/octet-stream", mine.labels[asked["name"][0]].astype("<f4").tobytes()
        return "application/json", to_json(routes[path]()).encode()

    def _row(self, word: str) -> int:
        if not word.isdecimal() or len(word) > 12 or int(word) >= len(self.explorer.bank):
            raise ValueError(f"no galaxy {word[:12]!r}")
        return int(word)

    def _say(self, code: int, content: bytes, kind: str) -> None:
        self.send_response(code)
        for name, value in {
            "Content-Type": f"{kind}; charset=utf-8" if "text" in kind else kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
        }.items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # who asked has gone
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # http.server's name
        """Say nothing."""
