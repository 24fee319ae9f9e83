"""``xval ask``: masked numbers of a text are filled, and nothing else of it changes."""

import math

import pytest
from xval_small import batch, data, taught

from sciformer.evaluation.run import TrainedRun
from xval.data.marked import HOLE
from xval.inference.answer import answer
from xval.inference.calibration import calibrated

ORBIT = "{'a':1.5,'stepsize':0.5,'data':[[1.25,-0.5],[3e-05,1]]}"
SETS = [{"set": "orbits", "count": 60, "parameters": {"frames": 2}}]


@pytest.fixture(scope="module", params=["xval", "p1000"])
def own(request):
    return taught(data(sets=SETS, encoding=request.param, ask=0.5), steps=200)


def test_masks_are_filled_and_the_rest_stays_as_it_was(own):
    asked = ORBIT.replace("1.5", HOLE).replace("-0.5", HOLE)
    found = answer(own, asked)
    assert found.names == ["a", "data.0.1"]
    before, between, behind = asked.split(HOLE)
    assert found.text == before + found.said[0] + between + found.said[1] + behind
    for said, number in zip(found.said, found.numbers, strict=True):
        no_number = own.code.name == "p1000" and math.isnan(number)  # rivals may answer with words
        assert no_number or float(said) == pytest.approx(number)


def test_what_is_asked_is_what_a_test_asks(own):
    given = data(sets=SETS, encoding=own.code.name, words=list(own.code.words))
    one = batch(given)
    for row, number in enumerate(own.answer(one)[:, 0].tolist()):
        length = int(one.lengths[row])
        text = given.code.decode_text(one.tokens[row, :length].numpy(), one.numbers[row].numpy())
        stepsize = text.index(",'stepsize'")
        found = answer(own, f"{{'a':{HOLE}{text[stepsize:]}")
        assert found.numbers == pytest.approx([number], rel=1e-5)


def test_a_causal_network_answers_from_what_is_before(own):
    given = data(sets=SETS, encoding=own.code.name)
    ahead = taught(given, steps=200, causal=True)
    text = f"{{'a':1.5,'stepsize':{HOLE},'data':[[{HOLE},2],[3,4]]}}"
    found, other = (answer(ahead, each) for each in (text, text.replace("2],[3", "0.1],[7")))
    assert found.numbers == pytest.approx(other.numbers, rel=1e-5)
    told = answer(ahead, text.replace(HOLE, found.said[0], 1))
    assert told.numbers == pytest.approx(found.numbers[1:], rel=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'a':1}", "has no \\[MASK\\] to fill"),
        (f"{{'a':{HOLE},'data':[{'[1,2],' * 40}]}}", "tokens, but the network reads 64"),
        (f"{{'a':{HOLE},'stepsize':1e300}}", "1e300|1e\\+300"),
    ],
)
def test_what_cannot_be_answered_is_said(own, text, message):
    with pytest.raises(ValueError, match=message):
        answer(own, text)


def test_an_interval_of_a_simulated_set_is_calibrated_on_texts_of_other_seeds(tmp_path):
    given = data(sets=SETS, gaps=None, ask=0.5, splits={"train": 1.0, "val": 0.0, "test": 0.0})
    network = {"dim": 16, "depth": 1, "heads": 2, "quantiles": 10}
    module = taught(given, steps=200, network=network)
    run = TrainedRun(tmp_path / "best.ckpt", module, dict(given.hparams), {})
    intervals = calibrated(run)
    assert intervals is not None
    fresh = data(sets=SETS, gaps=None, fields=given.fields, words=list(given.code.words), seed=77)
    told = module.asked(batch(fresh), only_numbers=True)
    found = intervals.of(told.fields, told.numbers, told.quantiles)
    assert (found.low <= found.median).all()
    assert (found.median <= found.high).all()
    inside = (told.truth >= found.low) & (told.truth <= found.high)
    assert inside.mean() > 0.6  # 16 texts: 90 % give less in one of 10,000 draws
    answered = answer(module, ORBIT.replace("1.5", HOLE), intervals)
    assert answered.low[0] <= answered.median[0] <= answered.high[0]
    assert math.isnan(answer(module, ORBIT.replace("1.5", HOLE)).low[0])


def test_without_the_files_of_the_training_there_is_no_interval(tmp_path, own):
    settings = {"files": [str(tmp_path / "gone.csv")]}
    with pytest.warns(UserWarning, match="no intervals: .*gone.csv"):
        assert calibrated(TrainedRun(tmp_path / "best.ckpt", own, settings, {})) is None
    assert calibrated(TrainedRun(tmp_path / "original.pt", own, {}, {})) is None
