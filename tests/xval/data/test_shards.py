import pytest

from sciformer.data.shards.index import Recipe
from sciformer.data.shards.writer import write_shards
from xval.data.datamodule import TextData
from xval.data.shards import Shards, make_sample, simulate
from xval.simulate import text_set

pytestmark = pytest.mark.filterwarnings("ignore:.* left over are dropped")


def test_shards_hold_the_texts_of_the_set(tmp_path, capsys):
    simulate(str(tmp_path), 3, 0, "orbits", 300, 4, {"outside": 0.5})
    assert "300 samples in 3 shards" in capsys.readouterr().out
    shards = Shards(str(tmp_path))
    whole = text_set("orbits").simulate(4, 300, parameters={"outside": 0.5})
    assert shards.texts(0, 300) == whole
    assert shards.texts(250, 260).texts == whole.texts[250:260]
    assert shards.answers == ["a"]
    every = tuple(shards.set.parameters_with({"outside": 0.5}).items())
    for number in (299, 3, 256, 255):  # as a worker that writes another shard would ask
        sample = make_sample(number, "orbits", 4, 300, every)
        assert sample == {"text": whole.texts[number], "labels": {"id": f"orbits/4/{number}"}}


def test_a_training_on_shards_is_that_on_the_set(tmp_path):
    simulate(str(tmp_path), 2, 0, "multiplication", 200, 0)
    both = [
        TextData(shards=str(tmp_path), batch_size=8),
        TextData(sets=[{"set": "multiplication", "count": 200}], batch_size=8),
    ]
    first, second = ([batch.tokens.tolist() for batch in data.train_dataloader()] for data in both)
    assert first == second
    assert both[0].patterns == ["="]


def test_what_is_no_set_or_no_shards_of_ours_is_refused(tmp_path):
    with pytest.raises(ValueError, match="set: 'cubes' is none of"):
        simulate(str(tmp_path / "a"), set="cubes")
    with pytest.raises(ValueError, match="mass: no parameter of orbits"):
        simulate(str(tmp_path / "a"), set="orbits", parameters={"mass": 1})
    assert not (tmp_path / "a").exists()
    write_shards(tmp_path / "b", lambda n: {"text": "x"}, Recipe("other:make", "1", 0, 2, 1))
    with pytest.raises(ValueError, match=r"b: made by other:make 1, not xval\.data\.shards:make"):
        TextData(shards=str(tmp_path / "b"))
    with pytest.raises(ValueError, match="no such file"):
        TextData(shards=str(tmp_path / "c"))
