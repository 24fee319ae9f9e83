import json

import numpy as np
import pytest

from xval.data.datamodule import TextData
from xval.evaluation.baselines import QUANTILES, Baselines
from xval.evaluation.number_tables import groups, labels_of, text_of

RIVALS = {"mean", "linear", "boosting"}  # of every set of enough texts


def answered(data):
    """Texts of the test, the truth of what they ask for, and the baselines."""
    data.setup()
    texts = np.concatenate([*data.texts["test"].values(), *data.texts["ood"].values()])
    truth = np.empty(sum(group.places.size for group in groups(data, texts)))
    for group in groups(data, texts):
        truth[group.places] = group.values[:, group.hidden]
    return texts, truth, told(data, texts)


def told(data, texts, training=None):
    """Numbers by baseline; those with quantiles are in `test_quantile_boosting`."""
    found = Baselines(training or data).answer(data, texts)
    return {name: each.numbers for name, each in found.items() if name != QUANTILES}


def lines(path, rows):
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


def station(path, years=2, shift=0.0):
    """A station of one temperature per day, which is the month and the year's number."""
    first = np.datetime64("2001-01-01")
    days = [str(first + n) for n in range(365 * years)]
    rows = [f"{d},{int(d[5:7]) + 100 * (int(d[:4]) - 2001) + shift},{50 + shift}" for d in days]
    path.write_text("\n".join(["date,temperature,normal", *rows]))
    return {"path": str(path), "target": "temperature", "history": 2}


@pytest.mark.parametrize("encoding", ["xval", "p10"])
def test_answers_are_in_the_order_of_texts_and_numbers_for_every_encoding(encoding):
    sets = [{"set": "planets", "count": 12}]
    data = TextData(sets=sets, encoding=encoding, clip=True, context=4096)
    texts, truth, found = answered(data)
    numbers = data.train_numbers()
    for group in groups(data, texts):
        for text, values in zip(group.texts.tolist(), group.values, strict=True):
            there = text_of(data, text)
            assert there.names == group.names
            assert values == pytest.approx([float(number) for number in there.cut.numbers])
        assert truth[group.places] == pytest.approx(group.values[:, group.hidden])
        means = [numbers.values[numbers.asked == k].mean() for k in group.asked[group.hidden]]
        assert found["mean"][group.places] == pytest.approx(np.tile(means, (len(group.texts), 1)))
    assert found.keys() == {"mean"}  # so few texts have more numbers than a regression can use


def test_a_linear_set_is_answered_exactly_by_the_regression(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2)).round(4)
    rows = [{"a": a, "b": b, "c": round(2 * a - 3 * b + 5, 4)} for a, b in x.tolist()]
    _, truth, found = answered(TextData(files=[lines(tmp_path / "x.jsonl", rows)], answers=["c"]))
    assert found["linear"] == pytest.approx(truth, abs=1e-4)
    assert np.abs(found["mean"] - truth).max() > 1
    assert found.keys() == RIVALS


def test_a_step_is_found_by_gradient_boosting_and_not_by_the_regression(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2)).round(4)
    rows = [{"a": a, "b": b, "c": 10 if a * b > 0 else 0} for a, b in x.tolist()]
    _, truth, found = answered(TextData(files=[lines(tmp_path / "x.jsonl", rows)], answers=["c"]))
    errors = {name: np.abs(values - truth).mean() for name, values in found.items()}
    assert errors["boosting"] < 0.2 * errors["linear"]


def test_numbers_of_other_texts_do_not_mix(tmp_path):
    """A regression is told by an indicator which rows have no b; it does not take them for 0."""
    rows = [{"a": n, "c": 2 * n + 900} for n in range(200)]
    rows += [{"a": n, "b": n % 7, "c": 2 * n + 5 * (n % 7)} for n in range(200)]
    _, truth, found = answered(TextData(files=[lines(tmp_path / "x.jsonl", rows)], answers=["c"]))
    assert found["linear"] == pytest.approx(truth, abs=1e-2)


def test_a_column_called_like_a_place_in_a_list_is_no_earlier_row(tmp_path):
    rows = [{"x.0": n, "x.1": 3 * n % 7} for n in range(100)]
    _, _, found = answered(TextData(files=[lines(tmp_path / "x.jsonl", rows)], answers=["x.1"]))
    assert found.keys() == RIVALS


@pytest.mark.filterwarnings("error")
def test_a_climatology_without_days_to_go_on_is_left_out_and_said(tmp_path):
    splits = {"train": 0.7, "val": 0.1, "test": 0.2}  # no day of the test is within a week
    one = {**station(tmp_path / "a.csv", 1), "history": 9}
    data = TextData(files=[one], split_by="date", splits=splits)
    with pytest.warns(UserWarning, match="^climatology: no answer from the training texts"):
        _, _, found = answered(data)
    assert found.keys() == {*RIVALS, "persistence"}


def test_persistence_is_the_row_before_and_climatology_the_same_days_of_other_years(tmp_path):
    splits = {"train": 0.7, "val": 0.1, "test": 0.2}  # the second summer is tested
    data = TextData(files=[station(tmp_path / "a.csv")], split_by="date", splits=splits)
    texts, truth, found = answered(data)
    last = [float(text_of(data, int(n)).cut.join().rsplit("],[", 2)[1]) for n in texts]
    assert found["persistence"].tolist() == last
    dates = labels_of(data, texts, ("date",))["date"]
    middle = np.array([7 < int(date[8:10]) < 22 for date in dates])  # weeks in one month
    assert found["climatology"][middle] == pytest.approx(truth[middle] - 100)
    assert "normals" not in found


def test_the_climatology_of_a_station_is_its_own_and_of_a_new_one_that_of_all(tmp_path):
    files = [
        station(tmp_path / f"{name}.csv", 1, shift)
        for name, shift in {"a": 0, "b": 50, "c": 9}.items()
    ]
    files = [{**each, "known": ["normal"]} for each in files]
    files[0] |= {"split": "train"}
    files[1] |= {"split": "train"}
    files[2] |= {"split": "test"}
    data = TextData(files=[*files, {**files[1], "split": "test", "name": "again"}])
    texts, truth, found = answered(data)
    dates, names = labels_of(data, texts, ("date", "station")).values()
    middle = np.array([7 < int(date[8:10]) < 22 for date in dates])
    known = np.array(names) == "b"
    assert found["climatology"][known & middle] == pytest.approx(truth[known & middle])
    rest = middle & ~known
    assert found["climatology"][rest] == pytest.approx(truth[rest] - 9 + 25)
    assert found["normals"][~known] == pytest.approx(59)
    assert found["normals"][known] == pytest.approx(100)


def test_stations_of_a_simulated_sky_have_persistence_column_by_column():
    sets = [{"set": "temperature", "count": 40, "parameters": {"stations": 3, "history": 2}}]
    data = TextData(sets=sets)
    texts, _, found = answered(data)
    text = text_of(data, int(texts[0])).cut.join()
    last = [float(x) for x in text.split("'data':")[1].split("],[")[1].split(",")]
    assert found["persistence"][:3] == pytest.approx(last)
    assert found.keys() == {"mean", "linear", "persistence", "climatology"}


def test_the_training_of_another_data_set_counts_where_one_is_given(tmp_path):
    mine = TextData(files=[station(tmp_path / "a.csv")])
    mine.setup()
    other = {**station(tmp_path / "b.csv", 1, 30.0), "split": "test"}
    data = TextData(files=[other], fields=mine.fields)
    data.setup()
    found = told(data, data.texts["test"]["b"], mine)
    alone = told(data, data.texts["test"]["b"])
    numbers = mine.train_numbers()
    assert found["mean"] == pytest.approx(numbers.values[numbers.asked == 0].mean())
    assert found.keys() == {*RIVALS, "persistence", "climatology"}
    assert alone.keys() == {"persistence"}  # nothing was trained on
    assert alone["persistence"].tolist() == found["persistence"].tolist()
