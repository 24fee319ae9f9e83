"""Files of the data that change while a run trains, or before it resumes."""

import warnings

import pytest
from lightning.pytorch import LightningModule, Trainer

from sciformer.training.callbacks.same_files import SameFiles


@pytest.fixture
def table(tmp_path):
    (tmp_path / "my.csv").write_text("a,b\n1,2\n")
    return tmp_path / "my.csv"


def begun(table):
    own = SameFiles({"files": [str(table), {"path": str(table)}], "cache": str(table.parent)})
    own.setup(Trainer(barebones=True, accelerator="cpu"), LightningModule(), "fit")
    return own


def test_the_same_files_are_not_spoken_of(table):
    with warnings.catch_warnings(action="error"):
        stored = begun(table).state_dict()
        table.touch()
        begun(table).load_state_dict(stored)
    assert list(stored["files"]) == [str(table)]


def test_a_file_that_is_replaced_before_a_resume_is_named_once(table):
    stored = begun(table).state_dict()
    table.write_text("a,b\n1,3\n")
    resumed = begun(table)
    with pytest.warns(UserWarning, match="my.csv: has changed since the run began") as said:
        resumed.load_state_dict(stored)
    assert len(said) == 1
    assert resumed.state_dict() == stored  # what the run began with


def test_a_file_that_is_replaced_in_mid_run_is_named_at_the_next_checkpoint(table):
    own = begun(table)
    table.write_text("a,b\n1,2\n3,4\n")
    with pytest.warns(UserWarning, match="my.csv: has changed while the run trains"):
        own.state_dict()
    with warnings.catch_warnings(action="error"):
        own.state_dict()


def test_a_file_that_is_gone_or_new_is_left_to_who_reads_it(table):
    stored = begun(table).state_dict()
    table.unlink()
    with warnings.catch_warnings(action="error"):
        begun(table).load_state_dict(stored)


@pytest.mark.parametrize("stored", [{}, {"files": 3}, {"files": None}])
def test_a_checkpoint_that_does_not_know_its_files_is_not_compared(table, stored):
    own = begun(table)
    with warnings.catch_warnings(action="error"):
        own.load_state_dict(stored)
    assert list(own.state_dict()["files"]) == [str(table)]
