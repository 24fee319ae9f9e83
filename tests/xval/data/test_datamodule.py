import re
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from trainers import recorded
from xval_small import texts_of

from xval.data.batch import Batch
from xval.data.datamodule import TextData
from xval.encodings.encoding import NAMES, encoding
from xval.encodings.special_tokens import END, NUM, PAD

pytestmark = pytest.mark.filterwarnings("ignore:.* left over are dropped")

ORBITS = {"set": "orbits", "count": 400, "parameters": {"outside": 0.2}}
GAP = {"a": [1.001, 1.124]}


def mixed(**options):
    """Texts of several lengths and numbers of answers."""
    sets = [
        {"set": "trees", "count": 150},
        {"set": "temperature", "count": 40, "parameters": {"stations": 2, "history": 3}},
    ]
    return TextData(sets, **{"batch_size": 8, **options})


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_says_what_the_texts_say(name):
    data = mixed(encoding=name, clip=True)
    (batch, *_) = data.val_dataloader()
    assert isinstance(batch, Batch)
    time = torch.arange(batch.tokens.shape[1])
    assert torch.equal(batch.present, time < batch.lengths[:, None])
    assert (batch.numbers[batch.tokens != NUM] == 1).all()
    words = ~torch.from_numpy(data.code.is_number(batch.tokens.numpy()))
    assert not batch.fields[words].any()
    found = {data.fields[field] for field in batch.fields.unique()}
    assert found == {"", "=", "coords", "start", "data"}
    assert not batch.hidden[~batch.present].any()


def test_the_exponents_of_a_text_code_are_moved_to_where_the_numbers_are():
    five = [{"set": "multiplication", "count": 60, "parameters": {"digits": 5}}]
    with pytest.raises(ValueError, match=r"fp15: .* is out of range"):
        TextData(five, encoding="fp15", batch_size=8).check()
    data = TextData(five, encoding="fp15", lowest=-8, batch_size=8)
    data.check()
    written = next(texts_of(data, data.test_dataloader()[0])).partition("=")[2]
    assert 9.9e7 < float(written) < 9.99e9
    assert encoding(**data.coding).range == (1e-6, 9.99e9)


@pytest.mark.parametrize("name", ["xval", "p10", "fp15"])
def test_answers_are_where_the_numbers_stand(name):
    data = mixed(encoding=name, clip=True)
    assert data.patterns == ["=", "data.3.*"]
    for batch in data.val_dataloader():
        there = batch.answers >= 0
        assert torch.equal(there, batch.asked >= 0)
        assert (batch.truth[~there] == 1).all()
        assert there.any(1).all()
        for row, place in there.nonzero().tolist():
            start, truth = int(batch.answers[row, place]), float(batch.truth[row, place])
            tokens, numbers = (
                x[row, start : start + data.code.length].numpy()
                for x in (batch.tokens, batch.numbers)
            )
            assert float(data.code.decode_text(tokens, numbers)) == pytest.approx(
                truth, rel=1e-6 if name == "xval" else 0.005, abs=1e-7
            )
        text = data.code.decode_text(batch.tokens[0].numpy(), batch.numbers[0].numpy())
        asked = batch.truth[0][there[0]].tolist()
        said = re.findall(r"[0-9.]+", text.partition("[PAD]")[0])[-len(asked) :]
        assert [abs(x) for x in asked] == pytest.approx([float(x) for x in said], rel=0.005)


def test_every_text_is_in_one_split_and_tested_once_by_any_number_of_ranks():
    data = TextData([ORBITS], gaps=GAP, batch_size=32)
    data.setup()
    assert data.names == ["orbits", "orbits/ood"]
    split = list(chain(*(each.values() for each in data.texts.values())))
    assert sorted(np.concatenate(split)) == list(range(400))
    whole = sorted(texts_of(data, chain(*data.test_dataloader())))
    assert len(whole) == sum(len(data.texts[name]["orbits"]) for name in ("test", "ood"))
    parts = []
    for rank in range(2):
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2)
        parts += texts_of(data, chain(*data.test_dataloader()))
    assert sorted(parts) == whole


def test_what_lies_in_a_gap_is_tested_and_never_trained_on():
    data = TextData([ORBITS], gaps=GAP, batch_size=32)
    (inside, outside) = data.test_dataloader()
    for loader, low, high in ((outside, 1.001, 1.124), (inside, 1.124, 3.0)):
        a = torch.cat([batch.truth[:, 0] for batch in loader])
        assert (((a > low) & (a < high)) | ((a == 1) & (low > 1.1))).all()
    values, fields, asked = data.train_numbers()
    a = values[fields == data.fields.index("a")]
    assert len(a) == len(data.texts["train"]["orbits"])
    assert not ((a > 1.001) & (a < 1.124)).any()
    assert (asked == np.where(fields == data.fields.index("a"), 0, -1)).all()


def test_held_out_pairs_are_held_out_in_both_orders():
    data = TextData([{"set": "multiplication", "count": 3000, "parameters": {"digits": 2}}])
    train, test = (
        {tuple(sorted(map(int, text.split("=")[0].split("*")))) for text in texts_of(data, loader)}
        for loader in (data.train_dataloader(), chain(*data.test_dataloader()))
    )
    assert len(test) > 100
    assert not train & test


@pytest.mark.parametrize("name", ["xval", "p1000"])
def test_what_is_hidden_depends_on_the_draw_alone(name):
    def hidden(batch_size, rank=0, world=1, epoch=0):
        data = mixed(encoding=name, clip=True, batch_size=batch_size)
        data.trainer = SimpleNamespace(global_rank=rank, world_size=world)
        loader = data.train_dataloader()
        loader.set_epoch(epoch)
        found = {}
        for batch in loader:
            for row, sample in enumerate(batch.samples.tolist()):
                found[sample] = tuple(batch.hidden[row, : batch.lengths[row]].tolist())
        return found

    whole, other = hidden(8), hidden(20)
    both = whole.keys() & other.keys()
    assert len(both) > 120
    assert all(whole[sample] == other[sample] for sample in both)
    assert hidden(8, 0, 2) | hidden(8, 1, 2) == whole
    later = hidden(8, epoch=1)
    size = len(mixed().train_dataloader().dataset)
    again = [later[sample + size] == whole[sample] for sample in whole if sample + size in later]
    assert len(again) > 100
    assert np.mean(again) < 0.2  # short texts may be hidden alike twice
    share = np.mean([value for mask in whole.values() for value in mask])
    assert abs(share - (0.3 if name == "xval" else 0.26)) < 0.04


def test_padding_is_never_hidden_and_hardly_there():
    """Dossier 4.1, bug 7: the original hides and counts padding, 45 % of its targets."""
    data = TextData([{"set": "trees", "count": 4000}], hide=1.0, batch_size=32)
    real = padded = 0
    for batch in data.train_dataloader():
        assert torch.equal(batch.hidden, batch.tokens != PAD)
        real, padded = real + int(batch.lengths.sum()), padded + batch.tokens.numel()
    assert real / padded > 0.97


@pytest.mark.parametrize("name", ["xval", "p10"])
def test_texts_may_be_asked_for_their_answers_alone(name):
    data = mixed(encoding=name, clip=True, ask=1.0, hide=0.0)
    seen = set()
    for batch in data.train_dataloader():
        wanted = torch.zeros_like(batch.hidden)
        for row, place in (batch.answers >= 0).nonzero().tolist():
            start = int(batch.answers[row, place])
            wanted[row, start : start + data.code.length] = True
            seen.add(int(batch.hidden[row, start : start + data.code.length].sum()))
        assert (wanted | ~batch.hidden).all()
    assert max(seen) == data.code.length
    assert min(seen) >= 1


def test_numbers_keep_what_float32_holds():
    """Dossier 4.1, bug 5: the original stores numbers as float16."""
    data = TextData([{"set": "products", "count": 300}], batch_size=16)
    values = data.train_numbers().values
    assert values.dtype == np.float32
    assert np.abs(values).max() > 1e7
    sizes = np.abs(values[values != 0])
    assert sizes.min() < 1e-7
    (batch, *_) = data.train_dataloader()
    for text, row in zip(texts_of(data, [batch]), batch.truth, strict=True):
        assert np.float32(text.partition("=")[2]) == row[0]


def test_sources_of_other_encodings_do_not_change_each_other():
    """Dossier 4.1, bug 2: the original's tokenizers share a mutable default."""
    before = encoding("p10").names
    for name in NAMES:
        mixed(encoding=name, clip=True)
    assert encoding("p10").names == before
    assert mixed(encoding="p10", clip=True).code.vocabulary == encoding("p10").vocabulary


def test_options_that_cannot_be_are_said_in_one_line(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("a,day\n1,2015-6-1\n2,2015-6-2\n")
    for options, message in (
        ({}, "sets: empty, and so are files and shards"),
        ({"sets": ["cubes"]}, "sets[0]: 'cubes' is none of multiplication, trees, "),
        (
            {"sets": [{"set": "orbits", "size": 3}]},
            "sets[0].size: no such key; ",
        ),
        ({"sets": [{"count": 3}]}, "sets[0].set: missing; {'count': 3} needs it"),
        ({"sets": [{"set": "orbits", "count": 0}]}, "sets[0].count: 0 is less than 1"),
        (
            {"sets": [{"set": "orbits", "split": "all"}]},
            "sets[0].split: 'all' is none of ",
        ),
        (
            {"files": [{"path": "x.csv", "colums": []}]},
            "files[0].colums: no such key; ",
        ),
        ({"files": ["none.csv"]}, "files[0]: none.csv: no such file"),
        ({"sets": ["orbits"], "encoding": "p7"}, "encoding: 'p7' is none of p10, p1000, "),
        ({"sets": ["orbits"], "gaps": {"a": [2.0, 1.0]}}, "gaps: a: [2.0, 1.0] is no interval"),
        ({"sets": ["orbits"], "splits": {"train": 1.0}}, "splits: {'train': 1.0} does not name"),
        ({"sets": ["orbits"], "hide": 1.5}, "hide: 1.5 is not between 0 and 1"),
        ({"sets": ["orbits"], "batch_size": 0}, "batch_size: 0 is less than 1"),
        ({"files": [str(path)], "split_by": "when"}, "split_by: my: no column or label 'when'; "),
        ({"files": [{"path": str(path), "text": ["b"]}]}, f"files[0].text: {path}: no column 'b'"),
        (
            {"sets": ["orbits", {"set": "trees", "parameters": {"fewest": 9}}]},
            "sets[1].parameters.fewest: 9 to 4: operands are 2 to 4",
        ),
        ({"sets": ["orbits"], "lowest": 1000}, "lowest: 1000 is not from -290 to 290"),
    ):
        with pytest.raises(ValueError, match="^" + re.escape(message)):
            TextData(**options)
    with pytest.raises(ValueError, match=r"^split_by: orbits: no column or label 'date'; "):
        TextData([{"set": "orbits", "count": 4}], split_by="date").setup()
    data = TextData(files=[{"path": str(path), "split": "train"}], batch_size=2)
    assert len(list(data.train_dataloader())) == 1
    with pytest.raises(ValueError, match="leaves none of the texts for val"):
        data.val_dataloader()


def test_a_checkpoint_keeps_the_tokens_and_the_fields():
    data = mixed(split_by="id")
    data.setup()
    again = TextData(**data.hparams)
    again.setup()
    assert again.code.names == data.code.names
    assert again.fields == data.fields == ["", "=", "coords", "start", "data"]
    few = mixed(fields=["", "data"])
    few.setup()
    assert few.fields == ["", "data"]
    assert few.train_numbers().fields.max() == 1


def test_a_text_as_long_as_the_context_is_taken_and_a_longer_one_is_named():
    """Dossier 4.1, bug 14: the original breaks off with an error of shapes."""
    sets = [{"set": "trees", "count": 60, "parameters": {"fewest": 2, "most": 3}}]
    data = TextData(sets, context=8)
    data.setup()
    assert data.corpus.lengths.max() == 8
    message = r"trees: sample \d+ of seed 0: '.*'\.\.\.: 8 tokens, but the context is 1 to 7$"
    with pytest.raises(ValueError, match="^" + message):
        TextData(sets, context=7).setup()


def test_an_end_is_appended_for_generation():
    data = mixed(end=True)
    for batch in data.train_dataloader():
        last = batch.tokens[torch.arange(len(batch.tokens)), batch.lengths - 1]
        assert (last == END).all()
        assert not batch.hidden[batch.tokens == END].any()


@pytest.mark.filterwarnings("ignore")
def test_a_run_resumes_within_an_epoch_with_the_same_texts_and_masks(tmp_path):
    whole = recorded(mixed(), tmp_path / "a", 45).seen
    first = recorded(mixed(), tmp_path / "b", 25, every=25).seen
    start = str(tmp_path / "b/step=25.ckpt")
    rest = recorded(mixed(workers=1), tmp_path / "b", 45, start=start).seen
    assert len(first) == 25
    for one, other in zip(whole, first + rest, strict=True):
        for name in ("samples", "tokens", "hidden"):
            assert torch.equal(getattr(one, name), getattr(other, name))
