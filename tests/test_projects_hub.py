"""``from_pretrained`` and its kin in all four packages: folders, and a server on loopback."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from contextual_counting.module import CountingModule
from sciformer.arguments import with_tables
from sciformer.cli.main import main
from sciformer.evaluation.run import open_run
from sciformer.training.checkpoints import checkpoint

sys.path += [str(Path(__file__).parent / name) for name in ("astroclip", "mpp", "xval", ".")]
import astroclip_small
import hub_server
import mpp_small
import xval_small

MADE = {
    "astroclip": astroclip_small.network,
    "contextual_counting": lambda: CountingModule(length=16, regions=2),
    "mpp": lambda: mpp_small.module(["height", "velocity_x"]),
    "xval": lambda: xval_small.module(xval_small.data()),
}
each = pytest.mark.parametrize("name", MADE)
pytestmark = [
    pytest.mark.usefixtures("here"),
    pytest.mark.skipif(not importlib.util.find_spec("huggingface_hub"), reason="sciformer[hub]"),
]


@pytest.fixture
def hub():
    found = hub_server.started()
    found.repos.clear()
    found.damaged.clear()
    found.requests.clear()
    return found


def same(ours, theirs):
    assert type(ours) is type(theirs)
    assert not ours.training
    assert dict(ours.hparams) == dict(theirs.hparams)
    mine, other = ours.state_dict(), theirs.state_dict()
    assert mine.keys() == other.keys()
    assert all(torch.equal(mine[key], tensor) for key, tensor in other.items())


@each
def test_a_folder_comes_back_and_verbs_read_it(name, hub):
    module = MADE[name]()
    module.save_pretrained("mine")
    assert {path.name for path in Path("mine").iterdir()} == {
        *("config.json", "model.safetensors", "README.md")
    }
    assert json.loads(Path("mine/config.json").read_text()) == json.loads(
        json.dumps(dict(module.hparams))
    )
    same(type(module).from_pretrained("mine"), module)
    same(checkpoint.load("mine", type(module)), module)
    assert hub.requests == []


@pytest.mark.signature
@each
def test_a_subclass_of_one_s_own_comes_back_with_its_settings(name):
    made = MADE[name]()
    kind = type(made)

    class Own(kind):
        def __init__(self, own=3, **settings):
            super().__init__(**settings)
            self.own = own

    Own(own=5, **with_tables(kind, made.hparams)).save_pretrained("mine")
    found = kind.from_pretrained("mine")
    assert type(found) is Own
    assert found.own == 5
    assert found.hparams["own"] == 5


@each
def test_what_is_pushed_is_fetched_and_then_offline(name, hub, monkeypatch):
    module, repo = MADE[name](), f"me/{name}"
    assert module.push_to_hub(repo).endswith(f"/{repo}/commit/{0:040x}")
    card = hub.repos[repo][0]["README.md"].decode()
    assert f'{type(module).__name__}.from_pretrained("{repo}")' in card
    kind = type(module)
    same(kind.from_pretrained(repo), module)
    same(checkpoint.load(f"hub:{repo}@main", kind), module)
    assert open_run(f"hub:{repo}", kind).folder == Path(f"runs/models--me--{name}")
    hub.repos.clear()  # the server has nothing any more
    same(kind.from_pretrained(repo, local_files_only=True), module)
    with pytest.raises(ValueError, match=r"hub:me/other: model.safetensors"):
        kind.from_pretrained("me/other", local_files_only=True)


def test_a_revision_stays_what_it_was(hub):
    first, second = astroclip_small.network(0), astroclip_small.network(1)
    for module in (first, second):
        module.push_to_hub("me/two")
    kind = type(first)
    same(kind.from_pretrained("me/two", revision="v1"), first)
    same(checkpoint.load("hub:me/two@v1", kind), first)
    same(checkpoint.load("hub:me/two/model.safetensors", kind), second)
    with pytest.raises(ValueError, match=r"hub:me/two: model.safetensors: .*v3"):
        kind.from_pretrained("me/two", revision="v3")


def test_a_damaged_download_is_named_and_not_kept(hub):
    module = astroclip_small.network()
    module.push_to_hub("me/torn")
    hub.damaged.add("model.safetensors")
    with pytest.raises(ValueError, match=r"hub:me/torn: model.safetensors: damaged .* removed"):
        checkpoint.find("hub:me/torn")
    assert not [path for path in Path("cache").rglob("*") if path.is_file()]
    hub.damaged.clear()
    same(type(module).from_pretrained("me/torn"), module)


class Trap:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize("file", ["model.safetensors", "trap.ckpt"])
def test_nothing_of_the_hub_is_unpickled(hub, file):
    torch.save({"state_dict": Trap()}, "trap.ckpt")
    hub.repos["me/trap"] = [{file: Path("trap.ckpt").read_bytes()}]
    with pytest.raises(ValueError, match=r"not a safetensors file|not a checkpoint of plain"):
        checkpoint.load(f"hub:me/trap/{file}", CountingModule)
    assert not Path("exploded").exists()


def test_a_module_of_another_class_is_refused(hub):
    astroclip_small.network().push_to_hub("me/galaxies")
    with pytest.raises(ValueError, match=r"holds a astroclip.module.AstroCLIPModule, not a"):
        CountingModule.from_pretrained("me/galaxies")


def test_the_card_says_data_metrics_limits_and_licence(hub, here):
    astroclip_small.save(here / "run")
    (here / "run/report").mkdir()
    numbers = {"redshift/r2": 0.5, "redshift/r2/baseline_pca": 0.25, "run": {}}
    (here / "run/report/metrics.json").write_text(json.dumps(numbers))
    kind = type(astroclip_small.network())
    given = {"licence": "CC BY 4.0", "limits": "Toy data."}
    kind.from_pretrained("run").save_pretrained("mine", model_card_kwargs=given)
    card = Path("mine/README.md").read_text()
    for part in ("CC BY 4.0", "Toy data.", "redshift/r2/baseline_pca | 0.25", "pairs: `64`"):
        assert part in card
    kept = checkpoint.read("mine/model.safetensors")
    assert kept[checkpoint.DATA]["pairs"] == 64
    assert checkpoint.run_record(kept)["cpu_s"] == 1.0


@pytest.mark.parametrize("address", ["hub:", "hub:me", "hub:me/", "hub:/x@v1"])
def test_an_address_that_is_none_is_said(address):
    with pytest.raises(ValueError, match="an address is hub:NAME/REPO"):
        checkpoint.find(address)


def test_published_networks_are_listed_and_what_is_unknown_is_said(capsys):
    main(["models"])
    said = capsys.readouterr().out
    for part in ("hub:polymathic-ai/astroclip", "MPP AViT-L", "xVal (original)", "unknown", "MIT"):
        assert part in said
