"""Every door by which what is read could be run. A row that gets through leaves a file PWNED."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule, Trainer
from minimal import PROJECT, MinimalModule
from safetensors.torch import save_file

from sciformer.allowlist import restrict
from sciformer.cli.lightning_parser import OneLineLightningParser
from sciformer.cli.main import run
from sciformer.cli.named_classes import Builder, check_named

RUN = {"class_path": "subprocess.Popen", "init_args": {"args": "touch PWNED", "shell": True}}
EVIL = """
open("PWNED", "w").close()
from lightning.pytorch import Callback
class Own(Callback):
    pass
def own(*args):
    pass
"""


class OpenData(LightningDataModule):
    """Data whose arguments take anything, as those that describe files do.

    Args:
        files: Of any kind.
        anything: Of no kind.
        names: Texts.
    """

    def __init__(
        self,
        files: list[str | dict[str, Any]] | None = None,
        anything: Any = None,
        names: list[str] | None = None,
    ) -> None:
        super().__init__()
        self.files, self.anything, self.names = files, anything, names


@pytest.fixture(scope="module")
def parser():
    """What the command line makes of options, without running them."""
    parser = OneLineLightningParser(prog="minimal")
    parser.add_lightning_class_args(Trainer, "trainer")
    parser.add_lightning_class_args(MinimalModule, "model")
    parser.add_lightning_class_args(OpenData, "data")
    return parser


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to stand in, with a module that betrays that it was imported."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "evil.py").write_text(EVIL)
    monkeypatch.syspath_prepend(tmp_path / "site")
    restrict(PROJECT.module, PROJECT.data)
    yield tmp_path
    sys.modules.pop("evil", None)


def build(parser, key, value):
    """Build what an option says, as a fit does before it trains."""
    group, _, name = key.partition(".")
    options = parser.parse_object({group: {name: value} if name else value})
    check_named(options, trusted=False)
    builder = Builder(options, model=MinimalModule, data=OpenData)
    with builder.told():
        return parser.instantiate(options, instantiators=[(builder, object, True)])


def one(path, **arguments):
    """A class and its arguments, as a YAML names them."""
    return {"class_path": path, "init_args": arguments}


CALLBACKS, PYTORCH, FABRIC = "lightning.pytorch.callbacks", "lightning.pytorch", "lightning.fabric"
CLASSES = [
    "os.system",
    "subprocess.Popen",
    "builtins.exec",
    "evil.Own",
    "torch.os.system",
    "torch.hub.load",
    "torch.utils.cpp_extension.load",
    "torch.serialization.os.system",
    f"{PYTORCH}.cli.os.system",
    f"{PYTORCH}.cli.LightningCLI",
    f"{PYTORCH}.LightningModule.load_from_checkpoint",
    f"{PYTORCH}.trainer.Trainer",
    "torch.nn.Linear",
    "torchmetrics.text.BERTScore",
    "sciformer.studies.runner.Study",
    "sciformer.studies.runner.subprocess.Popen",
    "minimal.Noise",
    "minimal.__main__.Own",
    "jsonargparse.set_parsing_settings",
    "importlib.import_module",
]
FUNCTIONS = [
    "os.system",
    "evil.own",
    "builtins.eval",
    "torch.hub.load",
    "torch.load",
    "torch.ops.load_library",
    f"{FABRIC}.utilities.cloud_io._load",  # unpickles what an address gives
    "sciformer.files.write_atomically",
    one("subprocess.Popen", args="touch PWNED", shell=True),
    one("torch.nn.Linear", in_features=1, out_features=1),
]
DOORS = [
    *(("trainer.callbacks", [one(path)]) for path in CLASSES),
    *(("trainer.callbacks", path) for path in CLASSES[:4]),
    *(
        ("trainer.callbacks", [one(f"{CALLBACKS}.LambdaCallback", on_fit_start=path)])
        for path in FUNCTIONS
    ),
    *(
        ("trainer.strategy", one(f"{PYTORCH}.strategies.DDPStrategy", ddp_comm_hook=path))
        for path in FUNCTIONS[-4:]
    ),
    *(
        (f"trainer.{key}", RUN)
        for key in ("logger", "plugins", "profiler", "strategy", "accelerator")
    ),
    *((f"trainer.{key}", "evil.Own") for key in ("logger", "plugins")),
    ("trainer.logger", [RUN]),
    ("trainer.strategy", one(f"{PYTORCH}.strategies.DDPStrategy", ddp_comm_state=RUN)),
    (
        "trainer.strategy",
        one(
            f"{PYTORCH}.strategies.DDPStrategy",
            ddp_comm_state=one(f"{PYTORCH}.loggers.CSVLogger", save_dir="PWNED"),
        ),
    ),
    ("trainer.strategy", one(f"{PYTORCH}.strategies.DDPStrategy", cluster_environment=RUN)),
    (
        "trainer.strategy",
        one(f"{PYTORCH}.strategies.FSDPStrategy", activation_checkpointing="evil.Own"),
    ),
    ("trainer.profiler", one(f"{PYTORCH}.profilers.PyTorchProfiler", on_trace_ready="os.system")),
    ("trainer.callbacks", [one(f"{CALLBACKS}.EarlyStopping", monitor=RUN)]),
    ("trainer.max_epochs", RUN),
    ("trainer", RUN),
    ("model", RUN),
    ("model", "evil.Own"),
    ("model.dim", RUN),
    ("data", RUN),
    ("data.files", [{"path": "x", "kind": RUN}]),
    ("data.files", [RUN]),
    ("data.files", [{"a": [{"b": one(f"{PYTORCH}.loggers.CSVLogger", save_dir="PWNED")}]}]),
    ("data.files", RUN),
    ("data.anything", RUN),
    ("data.anything", {"a": [RUN]}),
    ("data.anything", one("evil.Own")),
    ("data.anything", one(f"{PYTORCH}.loggers.CSVLogger", save_dir="PWNED")),
    ("data.names", RUN),
    ("data.names", [RUN]),
]


@pytest.mark.parametrize(("key", "value"), DOORS)
def test_what_a_yaml_names_is_not_run(key, value, parser, here):
    with pytest.raises(ValueError, match=key.partition(".")[0]) as refused:
        build(parser, key, value)
    assert "\n" not in str(refused.value)
    assert not Path("PWNED").exists()
    assert "evil" not in sys.modules


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trainer.callbacks", [one(f"{CALLBACKS}.EarlyStopping", monitor="val/loss")]),
        ("trainer.callbacks", "EarlyStopping"),
        ("trainer.callbacks", one("sciformer.training.cost.Cost", ranks=2)),
        ("trainer.callbacks", [one("minimal.Announce", step=1)]),
        ("trainer.callbacks", one(f"{CALLBACKS}.EMAWeightAveraging", decay=0.9)),
        ("trainer.strategy", one("sciformer.training.strategies.DDP")),
        (
            "trainer.strategy",
            one(
                f"{PYTORCH}.strategies.DDPStrategy",
                ddp_comm_hook="torch.distributed.algorithms.ddp_comm_hooks."
                "default_hooks.fp16_compress_hook",
                cluster_environment=one(f"{FABRIC}.plugins.environments.LightningEnvironment"),
            ),
        ),
        ("trainer.strategy", "ddp"),
        ("trainer.logger", [one(f"{PYTORCH}.loggers.CSVLogger", save_dir="x")]),
        ("trainer.plugins", [one(f"{PYTORCH}.plugins.precision.HalfPrecision")]),
        ("trainer.profiler", one(f"{PYTORCH}.profilers.SimpleProfiler")),
        ("data.files", ["a.h5", {"path": "b.h5", "rename": {"u": "v"}}]),
        ("data.anything", {"class": "spiral", "path": "subprocess.Popen"}),
        ("data.names", ["os.system", "${oc.env:HOME}", "!!python/name:os.system"]),
    ],
)
def test_what_is_meant_to_be_named_is_built(key, value, parser, here):
    if key == "trainer.callbacks" and value == "EarlyStopping":
        value = {"class_path": value, "init_args": {"monitor": "val/loss"}}
    built = build(parser, key, value)
    group, _, name = key.partition(".")
    found = getattr(built[group], name)
    if group == "data":
        assert found == value
    elif value != "ddp":
        (found,) = found if isinstance(found, list) else [found]
        assert type(found).__name__ in str(value)


@pytest.mark.parametrize("value", ["evil.yaml", "memory://evil.yaml", "http://127.0.0.1:1/x.yaml"])
def test_a_configuration_inside_of_another_is_a_plain_file_of_this_machine(value, parser, here):
    import fsspec

    with fsspec.open("memory://evil.yaml", "w") as file:
        file.write("dim: 4\n")
    Path("evil.yaml").write_text("!!python/object/apply:os.system ['touch PWNED']")
    with pytest.raises(ValueError, match=r"model: .*Unable to load config"):
        build(parser, "model", value)
    assert not Path("PWNED").exists()


def command(*words):
    """Exit code of the minimal project's command in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["minimal"])
        with pytest.raises(SystemExit) as ended:
            run(PROJECT, list(words))
    return ended.value.code


@pytest.mark.parametrize("suffix", ["ckpt", "safetensors"])
@pytest.mark.parametrize("verb", ["fit", "test", "evaluate"])
def test_what_a_checkpoint_stores_is_not_run(verb, suffix, here, capsys):
    settings = {"samples": RUN, "shards": {"a": [RUN]}}
    notes = {
        "hyper_parameters": {"dim": RUN},
        "datamodule_hyper_parameters": settings,
        "sciformer": {"format": 2, "module": "minimal.MinimalModule", "run": {}},
    }
    path = f"x.{suffix}"
    if suffix == "ckpt":
        torch.save({**notes, "state_dict": {}, "pytorch-lightning_version": "2.6.0"}, path)
    else:
        import json

        texts = {key: json.dumps(value) for key, value in notes.items()}
        save_file({"w": torch.zeros(1)}, path, metadata=texts)
    assert command(verb, *([path] if verb == "evaluate" else ["--ckpt_path", path])) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{path}: model.dim: 'subprocess.Popen': no class is meant here" in err
    assert not Path("PWNED").exists()


def test_a_yaml_cannot_ask_to_be_trusted(here, capsys):
    Path("run.yaml").write_text(
        yaml.safe_dump({"trust": True, "trainer": {"callbacks": "evil.Own"}})
    )
    assert command("fit", "--config", "run.yaml") == 2
    assert "evil.Own" in capsys.readouterr().err
    assert not Path("PWNED").exists()


@pytest.mark.process
def test_one_may_trust_ones_own_files(start, tmp_path):
    (tmp_path / "evil.py").write_text(EVIL)
    words = ["-m", "minimal", "fit", "--trainer.fast_dev_run=true", "--trainer.accelerator=cpu"]
    process = start(*words, "--trainer.callbacks=evil.Own", "--trust")
    assert process.communicate()[1].count("\n") == 0
    assert process.returncode == 0
    assert (tmp_path / "PWNED").exists()


def test_a_class_without_arguments_has_no_options_to_look_at():
    check_named(Namespace(trainer=Namespace()), trusted=False)
