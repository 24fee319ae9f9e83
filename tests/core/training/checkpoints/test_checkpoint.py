import os
import pickle
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from minimal import PROJECT, MinimalData, MinimalModule
from trainers import silent_trainer

from sciformer.cli.main import run
from sciformer.data.splits import SHARES
from sciformer.training.callbacks.run_record import RunRecord
from sciformer.training.checkpoints.checkpoint import (
    DATA,
    FORMAT,
    RESUMED,
    STAMP,
    check,
    check_resumable,
    find,
    load,
    read,
    run_record,
)
from sciformer.training.checkpoints.lightning_io import CheckpointFiles

FORMAT_1 = Path(__file__).parents[3] / "golden" / "format1.ckpt"


class Bomb:
    """Makes a folder where it is unpickled by a reader that runs what it reads."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def module():
    torch.manual_seed(0)
    return MinimalModule(dim=4, heads=1, lr=0.5)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A checkpoint of Lightning's trainer, through our own reader and writer."""
    path = tmp_path_factory.mktemp("written") / "last.ckpt"
    record = RunRecord({"seed": 7})
    trainer = silent_trainer(max_steps=1, plugins=[CheckpointFiles()], callbacks=[record])
    trainer.fit(module(), MinimalData(dim=4))
    trainer.save_checkpoint(path)
    return path


@pytest.fixture
def changed(written, tmp_path):
    """Write a checkpoint of which a function changed something."""

    def changer(change):
        checkpoint = read(written)
        change(checkpoint)
        torch.save(checkpoint, tmp_path / "x.ckpt")
        return tmp_path / "x.ckpt"

    return changer


def refuse(path, reason):
    """See that a file is refused in words that name it."""
    with pytest.raises(ValueError, match=reason) as raised:
        read(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_module_comes_back_with_its_weights_and_hyperparameters(written):
    loaded = load(written, MinimalModule)
    assert dict(loaded.hparams) == {"dim": 4, "heads": 1, "lr": 0.5}
    assert not loaded.training
    state = torch.load(written, weights_only=True)["state_dict"]
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, state[name])


def test_lightning_itself_loads_what_we_write(written):
    theirs = MinimalModule.load_from_checkpoint(written, weights_only=True).state_dict()
    ours = load(written, MinimalModule).state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_a_checkpoint_carries_the_record_of_its_run(written):
    record = run_record(read(written))
    assert record["seed"] == 7
    assert record.keys() == {"seed", "cpu_s", "wall_s", "peak_gib", "ranks"}


def test_a_folder_means_its_last_checkpoint(written):
    assert find(written.parent) == find(written) == written


@pytest.mark.parametrize("path", ["missing", "."])
def test_a_checkpoint_that_is_not_there_is_named(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"(missing|last\.ckpt): no such checkpoint"):
        find(path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
def test_a_checkpoint_that_is_cut_short_is_refused(share, written, tmp_path):
    data = written.read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(data[: int(share * len(data))])
    refuse(tmp_path / "cut.ckpt", "cut short")


def test_a_checkpoint_that_lacks_its_last_byte_is_refused(written, tmp_path):
    (tmp_path / "cut.ckpt").write_bytes(written.read_bytes()[:-1])
    refuse(tmp_path / "cut.ckpt", "cut short")


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_are_refused(seed, tmp_path):
    source = torch.Generator().manual_seed(seed)
    data = torch.randint(256, (300,), dtype=torch.uint8, generator=source)
    (tmp_path / "noise.ckpt").write_bytes(data.numpy().tobytes())
    refuse(tmp_path / "noise.ckpt", "not a checkpoint")


@pytest.mark.parametrize("content", [{"a": 1}, [1, 2], torch.ones(3), {STAMP: 1}, {STAMP: {}}])
def test_a_file_of_torch_that_is_not_ours_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "foreign.ckpt")
    refuse(tmp_path / "foreign.ckpt", "sciformer did not write")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_would_run_code_is_refused_and_not_run(protocol, tmp_path):
    path = tmp_path / "bomb.ckpt"
    path.write_bytes(pickle.dumps({"state_dict": Bomb(tmp_path / "hit")}, protocol))
    refuse(path, "not a checkpoint of plain tensors")
    assert not (tmp_path / "hit").exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_code_inside_a_file_of_torch_is_refused_and_not_run(protocol, changed, tmp_path):
    path = changed(lambda checkpoint: None)
    bombed = tmp_path / "bomb.ckpt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(bombed, "w") as new:
        for entry in old.infolist():
            bomb = entry.filename.endswith("data.pkl")
            data = pickle.dumps(Bomb(tmp_path / "hit"), protocol) if bomb else old.read(entry)
            new.writestr(entry.filename, data)
    refuse(bombed, "not a checkpoint of plain tensors")
    assert not (tmp_path / "hit").exists()
    with pytest.raises(ValueError, match="not a checkpoint of plain tensors"):
        CheckpointFiles().load_checkpoint(bombed, weights_only=False)
    assert not (tmp_path / "hit").exists()


def test_an_object_of_some_class_is_refused(changed):
    refuse(changed(lambda c: c.update(extra=Path("x"))), "not a checkpoint of plain tensors")


def test_a_newer_format_is_refused(changed):
    path = changed(lambda c: c[STAMP].update(format=FORMAT + 1))
    refuse(path, f"format {FORMAT + 1}, but this version reads formats up to {FORMAT}")


@pytest.mark.parametrize("wrong", [0, -1, "2", None, 1.5, True])
def test_a_format_that_never_was_is_refused(wrong, changed):
    refuse(changed(lambda c: c[STAMP].update(format=wrong)), "but this version reads formats up")


def test_a_checkpoint_of_format_1_is_read_as_one_of_today():
    old = read(FORMAT_1)
    assert old[STAMP]["format"] == FORMAT
    assert run_record(old)["ranks"] == 1
    assert load(FORMAT_1, MinimalModule).hparams["dim"] == 4


@pytest.mark.parametrize("splits", [None, {"train": 0.7, "val": 0.1, "test": 0.2}])
def test_a_run_of_format_3_keeps_the_splits_that_it_drew(splits, changed):
    def older(saved):
        saved[STAMP]["format"] = 3
        saved[DATA] = {"splits": splits}

    assert read(changed(older))[DATA]["splits"] == {**(splits or SHARES), "drawn": 1.0}
    today = changed(lambda c: c.update({DATA: {"splits": splits}}))
    assert read(today)[DATA]["splits"] == splits


def test_a_training_goes_on_from_a_checkpoint_of_format_1(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["minimal"])
    threads = torch.get_num_threads()
    words = [f"--trainer.default_root_dir={tmp_path}", "--trainer.max_steps=8", "--threads=1"]
    run(PROJECT, ["fit", *words, "--trainer.accelerator=cpu", f"--ckpt_path={FORMAT_1}"])
    torch.set_num_threads(threads)
    assert read(tmp_path / "last.ckpt")["global_step"] == 8


@pytest.mark.parametrize("key", ["state_dict", "hyper_parameters"])
@pytest.mark.parametrize("wrong", [None, [1], "none"])
def test_a_checkpoint_without_its_parts_is_refused(key, wrong, changed):
    refuse(changed(lambda c: c.update({key: wrong})), "sciformer did not write")


def test_a_weight_that_is_no_tensor_is_named(changed):
    path = changed(lambda c: c["state_dict"].update({"model.head.bias": 3}))
    refuse(path, "state_dict: model.head.bias is a int, not a tensor")


@pytest.mark.parametrize("number", [1, FORMAT])
def test_a_checkpoint_without_its_record_is_refused(number, changed):
    path = changed(lambda c: c.update({STAMP: {"format": number, "module": "a.B"}}))
    refuse(path, "has no record of its run")


def test_a_count_that_is_a_tensor_is_refused_in_one_line(changed):
    path = changed(lambda c: c.update(global_step=torch.eye(3)))
    refuse(path, r"global_step: tensor\(.* is no whole number$")


def test_bases_that_are_no_list_are_refused(changed):
    refuse(changed(lambda c: c[STAMP].update(bases=3)), "bases: 3 is no list of classes")


@pytest.mark.parametrize("key", sorted(RESUMED))
def test_no_training_goes_on_without_all_of_its_state(key, written):
    saved = read(written)
    check_resumable(written, saved)
    del saved[key]
    with pytest.raises(ValueError, match="weights alone"):
        check_resumable(written, saved)


@pytest.mark.parametrize("states", [[], [{}]])
def test_no_training_goes_on_without_an_optimizer_state(states, written):
    with pytest.raises(ValueError, match="not the state of an optimizer"):
        check_resumable(written, {**read(written), "optimizer_states": states})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c["state_dict"].pop("model.head.bias"), "lacks tensor model.head.bias"),
        (lambda c: c["state_dict"].update(x=torch.ones(1)), "has an unknown tensor x"),
        (
            lambda c: c["state_dict"].update({"model.head.bias": torch.ones(5)}),
            r"model.head.bias is \(5,\), the model's \(1,\)",
        ),
        (lambda c: c[STAMP].update(module="a.B"), "holds a a.B, not a minimal.MinimalModule"),
    ],
)
def test_what_does_not_fit_is_named_with_its_file(change, reason, changed):
    path = changed(change)
    with pytest.raises(ValueError, match=rf"^{path}: {reason}$"):
        check(path, read(path), module())


@pytest.mark.parametrize(
    "wrong",
    [{"depth": 3}, {"heads": 3}, {"dim": "wide"}],
    ids=["unknown", "out of range", "another type"],
)
def test_hyperparameters_that_build_no_module_are_named_with_their_file(wrong, changed):
    def change(checkpoint):
        checkpoint["hyper_parameters"].update(wrong)

    path = changed(change)
    with pytest.raises(ValueError, match=r"x\.ckpt: "):
        load(path, MinimalModule)


def test_a_writer_that_fails_leaves_the_last_good_checkpoint(written, tmp_path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(written.read_bytes())
    with pytest.raises((AttributeError, pickle.PicklingError)):
        CheckpointFiles().save_checkpoint({"x": lambda: 0}, path)
    assert path.read_bytes() == written.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_can_be_removed_twice(tmp_path):
    (tmp_path / "x.ckpt").touch()
    for _ in range(2):
        CheckpointFiles().remove_checkpoint(tmp_path / "x.ckpt")
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_format_2_knows_its_best_under_the_new_name(tmp_path):
    saved = read(FORMAT_1)
    saved["sciformer"]["format"] = 2
    saved["callbacks"] = {"ModelCheckpoint{'monitor': 'val/loss'}": {"best_model_score": 8}}
    torch.save(saved, tmp_path / "old.ckpt")
    assert read(tmp_path / "old.ckpt")["callbacks"] == {"KeepBest": {"best_model_score": 8}}
