"""Shards elsewhere: in fsspec's memory and on a web server of this machine."""

import functools
import http.server
import threading

import fsspec
import numpy as np
import pytest

from sciformer.data.shards.dataset import ShardedDataset
from sciformer.data.shards.index import Recipe
from sciformer.data.shards.store import Folder
from sciformer.data.shards.streaming import stream
from sciformer.data.shards.verify import damage
from sciformer.data.shards.writer import write_shards

RECIPE = Recipe("waves", "1", seed=3, count=10, shards=3)


def wave(i):
    return {"height": np.random.default_rng([3, i]).random((4, 2)), "step": np.int64(i)}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def folder(tmp_path):
    write_shards(tmp_path / "data", wave, RECIPE)
    return tmp_path / "data"


@pytest.fixture(params=["memory", "file", "http"])
def address(request, folder):
    if request.param == "file":
        yield f"file://{folder}"
    elif request.param == "memory":
        memory = fsspec.filesystem("memory")
        memory.put(str(folder), "/shards", recursive=True)
        yield "memory://shards"
        memory.rm("/shards", recursive=True)
    else:
        handler = functools.partial(Quiet, directory=str(folder))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/"
            server.shutdown()


def test_shards_elsewhere_are_read_as_those_here(address, folder):
    there, here = ShardedDataset(address), ShardedDataset(folder)
    assert len(there) == len(here)
    for position in (9, 0, 4):
        assert np.array_equal(there[position]["height"], here[position]["height"])
    assert list(damage(address)) == []
    assert sorted(int(sample["step"]) for sample in stream(address)) == list(range(10))


def test_only_what_is_needed_is_fetched_and_nothing_is_left(folder):
    source = Folder(f"file://{folder}")
    place = source.path(1).parent
    assert sorted(path.name for path in place.iterdir()) == ["index.json", "shard-00001.tar"]
    del source
    assert not place.exists()


def test_damage_elsewhere_is_named_by_its_address(folder):
    path = folder / "shard-00001.tar"
    raw = bytearray(path.read_bytes())
    raw[700] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=f"^file://{path}: sample 00000003: damaged"):
        ShardedDataset(f"file://{folder}")[3]
    path.write_bytes(raw[:-512])
    with pytest.raises(ValueError, match=f"^file://{path}: size: "):
        ShardedDataset(f"file://{folder}")[3]
    path.unlink()
    with pytest.raises(ValueError, match=f"^file://{path}: cannot be read: "):
        ShardedDataset(f"file://{folder}")[3]


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("memory://nowhere", "memory://nowhere/index.json: cannot be read"),
        ("http://127.0.0.1:9/x", "http://127.0.0.1:9/x/index.json: cannot be read"),
        ("nosuch://x", "nosuch://x/index.json: cannot be read: Protocol not known"),
        ("pipe:touch ran", "neither commands nor chains"),
        ("pipe:curl http://x", "neither commands nor chains"),
        ("simplecache::http://x", "neither commands nor chains"),
    ],
)
def test_an_address_that_cannot_be_read_is_one_line(address, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=complaint) as refused:
        Folder(address)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_an_index_elsewhere_that_is_none_is_named_by_its_address(folder):
    (folder / "index.json").write_text("{")
    with pytest.raises(ValueError, match=f"^file://{folder}/index.json: not JSON"):
        Folder(f"file://{folder}")
