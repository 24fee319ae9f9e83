"""What we rely on in Lightning beyond its documented interface: a row for each private name."""

import ast
import inspect
import re
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import lightning
import pytest
from jsonargparse._common import parsing_settings
from lightning.fabric.strategies.launchers import subprocess_script as fabric_launchers
from lightning.fabric.utilities import distributed
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import LearningRateFinder
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from lightning.pytorch.strategies.launchers import subprocess_script as launchers
from trainers import silent_trainer

from sciformer.allowlist import GROUP, restrict
from sciformer.cli.options import resolve
from sciformer.training import lightning_private
from sciformer.training.distributed.strategies import DDP, FSDP

ROOT = Path(__file__).parents[3]
SOURCES = [ROOT / "shared/src", *(ROOT / "packages").glob("*/src")]
LIBRARIES = ("lightning", "jsonargparse", "torchmetrics")
OTHERS = {  # of tuples, and of torch and Python
    *("_asdict", "_fields", "_replace", "_exit", "_foreach_norm", "_step_supports_amp_scaling"),
    *("_assert_async", "_actions", "_option_string_actions"),  # of torch and argparse
    *("_attributes", "_mm_buf"),  # of scipy.io.netcdf_file
    *("_softmax_backward_data", "_scaled_dot_product_flash_attention_for_cpu"),
    "_scaled_dot_product_flash_attention_for_cpu_backward",
}


@pytest.fixture(scope="module")
def trainer():
    return silent_trainer(devices=1)


ROWS = {  # private name -> what has it, of a trainer, and the parameters that we give it
    "_ChildProcessObserver": (lambda _: fabric_launchers, "main_pid child_processes"),
    "_terminate_all": (lambda _: fabric_launchers._ChildProcessObserver, "self"),
    "_set_num_threads_if_needed": (lambda _: distributed, "num_processes"),
    "_SubprocessScriptLauncher": (
        lambda _: launchers,
        "cluster_environment num_processes num_nodes",
    ),
    "_call_children_scripts": (lambda _: launchers._SubprocessScriptLauncher, "self"),
    "_configure_launcher": (lambda _: DDPStrategy, "self"),
    "_launcher": (lambda _: DDPStrategy(), None),
    "_data_parallel_size": (lambda _: ModelParallelStrategy(), None),
    "_accelerator_connector": (lambda trainer: trainer, None),
    "_checkpoint_connector": (lambda trainer: trainer, None),
    "_parse_ckpt_path": (
        lambda trainer: trainer._checkpoint_connector,
        "state_fn ckpt_path model_provided model_connected",
    ),
    "_trainer": (lambda _: LightningModule(), None),
    "_update_attr": (lambda _: LearningRateFinder(), None),
    "_attr_name": (lambda _: LearningRateFinder(), None),
    "_batches_that_stepped": (lambda trainer: trainer.fit_loop.epoch_loop, None),
    "_should_check_val_fx": (lambda trainer: trainer.fit_loop.epoch_loop, "data_fetcher"),
    "_skip_next_val": (lambda trainer: trainer.fit_loop.epoch_loop, None),
    "_data_fetcher": (lambda trainer: trainer.fit_loop, None),
    "_restarting": (lambda trainer: trainer.fit_loop, None),
    "_restart_stage": (lambda trainer: trainer.fit_loop.epoch_loop.val_loop, None),
    "_check_log_dir_exists": (lambda _: ExperimentWriter, "self"),
    "_record_new_keys": (lambda _: ExperimentWriter, "self"),
    "_experiment": (lambda _: CSVLogger("."), None),
}


@pytest.mark.parametrize("name", ROWS)
def test_lightning_still_has_a_private_name(name, trainer):
    owner, parameters = ROWS[name]
    place = f"lightning {lightning.__version__}: {name}, of training/lightning_private.py,"
    assert hasattr(owner(trainer), name), f"{place} is gone"
    if parameters is not None:
        found = list(inspect.signature(getattr(owner(trainer), name)).parameters)
        given = parameters.split()
        assert found[: len(given)] == given, f"{place} has other parameters"


def private(node):
    """Names of others that begin with an underscore and are read, set or imported in a node."""
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and not each.attr.startswith("__"):
            own = isinstance(each.value, ast.Name) and each.value.id in ("self", "cls")
            if each.attr.startswith("_") and not own:
                yield each.attr
        elif isinstance(each, ast.ImportFrom) and (each.module or "").split(".")[0] in LIBRARIES:
            names = [alias.name for alias in each.names]
            yield from (name for name in [*each.module.split("."), *names] if name[0] == "_")


def test_every_private_name_has_a_row():
    tree = ast.parse(inspect.getsource(lightning_private))
    assert set(private(tree)) <= set(ROWS)


def test_no_other_file_touches_a_private_name_of_a_library():
    paths = [path for source in SOURCES for path in source.rglob("*.py")]
    assert len(paths) > 200
    for path in paths:
        if path != Path(lightning_private.__file__):
            assert set(private(ast.parse(path.read_text()))) <= OTHERS, path


@cache
def own_names(kind):
    """What a class defines or uses with one underscore in front, in its instances too."""
    found = set(vars(kind)) - {"_abc_impl"}
    codes = [
        getattr(inspect.unwrap(unbound(each)), "__code__", None) for each in vars(kind).values()
    ]
    while codes:
        if code := codes.pop():
            found |= set(code.co_names)
            codes += [part for part in code.co_consts if inspect.iscode(part)]
    return {name for name in found if re.match("_[a-zA-Z]", name)}


def unbound(value):
    """The function of a property, or of a method of whatever kind."""
    return getattr(value, "fget", None) or getattr(value, "__func__", value)


def test_no_class_of_ours_shares_a_private_name_with_its_base_in_a_library():
    for path in [*ROOT.glob("shared/src/*/cli/*.py"), *ROOT.glob("shared/src/*/training/**/*.py")]:
        place = path.relative_to(ROOT / "shared/src").with_suffix("")
        import_module(".".join(place.parts))
    projects = [entry.load() for entry in entry_points(group=GROUP)]
    for project in projects:
        resolve(project.module), resolve(project.data)
    ours = {"sciformer", *(project.name for project in projects)}
    checked = 0
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] not in ours or module is lightning_private:
            continue
        for kind in filter(inspect.isclass, vars(module).values()):
            for base in kind.__mro__ if kind.__module__ == name else ():
                if base.__module__.split(".")[0] in LIBRARIES:
                    checked += 1
                    shared = own_names(kind) & own_names(base)
                    assert not shared, f"{kind.__qualname__} uses {shared} of {base.__qualname__}"
    assert checked > 50


def test_a_validation_that_is_restarted_is_one_that_was_interrupted(trainer):
    lightning_private.restart_validation(trainer)
    assert trainer.fit_loop.epoch_loop.val_loop.restarted_mid_evaluation


def test_what_is_set_in_a_trainers_metrics_stays_there(trainer):
    """``ExactResume`` restores them that way."""
    trainer.callback_metrics["x"] = 1.0
    assert trainer.callback_metrics["x"] == 1.0


@pytest.mark.parametrize("strategy", [DDP, FSDP])
def test_our_launcher_goes_before_the_one_of_a_strategy(strategy):
    assert strategy._configure_launcher is lightning_private.Launched._configure_launcher


def test_the_settings_of_jsonargparse_are_where_our_tests_restore_them():
    before = dict(parsing_settings)
    restrict()
    assert parsing_settings != before


@pytest.mark.parametrize("library", ["jsonargparse", "lightning"])
def test_the_next_minor_version_which_was_not_tried_is_not_installed(library):
    tried = re.search(rf"^{library}==(\d+)\.(\d+)", (ROOT / "constraints.txt").read_text(), re.M)
    bound = f"{tried[1]}.{int(tried[2]) + 1}"
    dists = [ROOT / "shared", *ROOT.glob("packages/*")]
    asked = "".join((dist / "pyproject.toml").read_text() for dist in dists)
    assert set(re.findall(rf'"{library}(?:\[\w+\])?>=[\d.]+,?(.*)"', asked)) == {f"<{bound}"}
