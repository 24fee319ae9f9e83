"""``xval ask --rows``: missing targets of a table are filled, laid out as in the training."""

import csv

import numpy as np
import pytest
from xval_small import built, data

from sciformer.evaluation.run import TrainedRun
from sciformer.progress import QUIET
from xval.data.datamodule import TextData
from xval.inference import ask_command
from xval.inference.missing_values import COLUMNS, fill_missing, write_filled

TABLE = "name;x 1;x 2;y\n" + "".join(f"HD {n};{n},5;{2 * n};{3 * n}\n" for n in range(60))


@pytest.fixture(params=["xval", "p1000"])
def run(request, tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(TABLE)
    given = TextData(files=[str(path)], answers=["y"], encoding=request.param, context=99)
    given.setup()
    module = built(encoding=given.coding, length=99, dim=16, depth=1, heads=2)
    module.fit_transforms(given)
    return TrainedRun(tmp_path / "best.ckpt", module.eval(), dict(given.hparams), {})


def test_missing_targets_are_filled_with_numbers_and_intervals(run, tmp_path, monkeypatch):
    monkeypatch.setattr(TrainedRun, "data", lambda self, kind, **more: kind(**self.settings | more))
    new = tmp_path / "new.csv"
    new.write_text("x 2,more,x 1,name,y\n2,a,1.5,HD 7,\n4,b,2.5,HD 8,6\n6,c,3.5,HD 9,NA\n")
    with pytest.warns(UserWarning, match="not in the training, left out: more"):
        found = fill_missing(run, str(new), share=0.5)
    assert [(each.row, each.field) for each in found] == [(2, "y"), (4, "y")]
    for each in found:
        assert np.isfinite(each.answer)
        assert each.low <= each.answer <= each.high
    new.write_text("name,x 1,x 2\nHD 7,1.5,2\nHD 9,3.5,6\n")
    again = fill_missing(run, str(new), share=0.5)
    assert [each.answer for each in again] == pytest.approx([each.answer for each in found])
    out = tmp_path / "out.csv"
    write_filled(out, again)
    with out.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == list(COLUMNS)
    assert float(rows[1][2]) == pytest.approx(found[0].answer, rel=1e-5)


def test_answers_in_a_file_are_not_printed_too_if_asked_to_be_quiet(
    run, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(TrainedRun, "data", lambda self, kind, **more: kind(**self.settings | more))
    monkeypatch.setattr(ask_command, "open_run", lambda *_: run)
    (tmp_path / "new.csv").write_text("name,x 1,x 2\nHD 7,1.5,2\n")
    given = {"rows": str(tmp_path / "new.csv"), "out": str(tmp_path / "out.csv")}
    ask_command.ask("run", **given)
    assert "1 answers" in capsys.readouterr().out
    monkeypatch.setenv(QUIET, "1")
    ask_command.ask("run", **given, overwrite=True)
    assert not capsys.readouterr().out
    assert (tmp_path / "out.csv").read_text().count("\n") == 2


def test_what_cannot_be_filled_is_said(run, tmp_path):
    new = tmp_path / "new.csv"
    new.write_text("name,x 1,x 2,y\nHD 7,1.5,2,3\n")
    with pytest.raises(ValueError, match=r"rows: .*new.csv: no value of y is missing"):
        fill_missing(run, str(new))
    plain = TrainedRun(run.path, run.module, dict(data().hparams), {})
    with pytest.raises(ValueError, match="rows: the network was not trained on a table"):
        fill_missing(plain, str(new))
