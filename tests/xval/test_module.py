"""Training: the paper's loss, transforms that a checkpoint keeps, and figures of every encoding."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, pad
from xval_small import NETWORK, batch, built, data, module, taught, trainer

from sciformer.training.optim import MuonAdamW
from xval.encodings.encoding import NAMES
from xval.encodings.normalization import fit_transform
from xval.encodings.special_tokens import END, MASK, NUM, PAD
from xval.metrics import scores
from xval.module import XValModule
from xval.nn.decode_numbers import read
from xval.nn.generate import Text
from xval.nn.number_error import number_errors

pytestmark = pytest.mark.filterwarnings("ignore:.* left over are dropped")


PRODUCTS = [{"set": "multiplication", "count": 400}]


@pytest.fixture(scope="module")
def given():
    return data()


def test_the_loss_is_the_papers_of_hidden_words_and_numbers(given):
    own, one = module(given), batch(given)
    tokens, hidden = one.tokens, one.hidden
    seen = own.units.forward(one.numbers, one.fields).where(tokens == NUM, 1.0)
    shown = tokens.masked_fill(hidden, MASK), seen.masked_fill(hidden, 1.0)
    logits, values = own.model(*shown, tokens != PAD)
    found = own.losses(one)
    words = cross_entropy(logits[hidden], tokens[hidden])
    assert (found.token_sum / found.tokens).item() == pytest.approx(words.item(), rel=1e-5)
    numbers = hidden & (tokens == NUM)
    squared = (values.squeeze(2) - seen)[numbers].square()
    mean = (found.number_sum / found.numbers).item()
    assert mean == pytest.approx(squared.mean().item(), rel=1e-5)
    assert 0 < found.numbers < found.tokens == hidden.sum()


def test_an_absolute_error_is_that_of_the_papers_squared_one_without_the_square(given):
    squared, absolute = module(given), module(given, number_error="absolute")
    absolute.model.load_state_dict(squared.model.state_dict())
    values, numbers = torch.tensor([0.5, -3.0, 2.0, 1.0002]), torch.tensor([0.0, 1.0, 2.0, 1.0])
    assert number_errors(values, numbers, "squared").tolist() == pytest.approx(
        [0.25, 16, 0, 4e-8], rel=1e-2
    )
    assert number_errors(values, numbers, "absolute").tolist() == pytest.approx(
        [0.5, 4, 0, 2e-5], rel=2e-3
    )
    one = batch(given)
    assert absolute.losses(one).number_sum != squared.losses(one).number_sum


def test_a_causal_network_is_asked_for_every_token_after_the_first(given):
    own, one = module(given, causal=True), batch(given)
    found = own.losses(one)
    seen = own.units.channel(one.tokens, one.numbers, one.fields)
    total = 0.0
    for tokens, numbers, length in zip(one.tokens, seen, one.lengths.tolist(), strict=True):
        logits, _ = own.model(tokens[None, :length], numbers[None, :length])
        total += cross_entropy(logits[0, :-1], tokens[1:length], reduction="sum").item()
    assert found.token_sum.item() == pytest.approx(total, rel=1e-5)
    assert found.tokens == (one.lengths - 1).sum()


@pytest.mark.parametrize("causal", [False, True])
def test_padding_changes_no_loss_and_no_answer(given, causal):
    own, one = taught(given, causal=causal), batch(given)
    wider = one._replace(
        tokens=pad(one.tokens, (0, 5), value=PAD),
        numbers=pad(one.numbers, (0, 5), value=1.0),
        fields=pad(one.fields, (0, 5)),
        hidden=pad(one.hidden, (0, 5)),
    )
    torch.testing.assert_close(own.losses(wider), own.losses(one))
    torch.testing.assert_close(own.answer(wider), own.answer(one), equal_nan=True)
    assert own.answer(one).isfinite().any()


@pytest.mark.parametrize("encoding", ["p1000", "xval"])
@pytest.mark.parametrize("causal", [False, True])
def test_an_answer_does_not_depend_on_what_it_should_be(encoding, causal):
    given = data(sets=PRODUCTS, encoding=encoding)
    own, one = taught(given, causal=causal), batch(given)
    answer = own.answer(one)
    assert answer.isfinite().any()
    tokens, numbers = one.tokens.clone(), one.numbers.clone()
    tokens[:, -given.code.length :], numbers[:, -1] = END, 7.0  # the product is last
    told = own.answer(one._replace(tokens=tokens, numbers=numbers))
    torch.testing.assert_close(told, answer, equal_nan=True)


@pytest.mark.parametrize("causal", [False, True])
def test_an_answer_depends_on_what_is_known(causal):
    given = data(sets=PRODUCTS)
    own, one = taught(given, causal=causal), batch(given)
    others = one._replace(numbers=one.numbers.flip(0))
    torch.testing.assert_close(own.answer(others), own.answer(one).flip(0))
    assert (own.answer(others) != own.answer(one)).float().mean() > 0.5


@pytest.mark.parametrize("encoding", NAMES)
def test_what_tokens_say_is_read_and_what_says_no_number_is_none(encoding):
    given = data(sets=PRODUCTS, encoding=encoding)
    units, code = module(given).units, given.code
    tokens, numbers = (torch.from_numpy(each)[None] for each in code.encode_text("-60.2"))
    field = torch.tensor([1])
    seen = units.channel(tokens, numbers, field.expand_as(tokens))
    number = read(Text(tokens, seen), code, units, field)
    assert number.item() == pytest.approx(-60.2, rel=1e-6)
    assert read(Text(tokens.fill_(END), seen), code, units, field).isnan().all()


def test_the_transforms_are_those_of_the_training_texts_alone(given):
    own = built(encoding=given.coding, transform={"a": "log", "*": "standard"}, **NETWORK)
    trainer(fast_dev_run=True).fit(own, given)
    values, fields, _ = map(torch.from_numpy, given.train_numbers())
    a = given.fields.index("a")
    found = own.hparams["transforms"]
    assert found["a"] == fit_transform(values[fields == a], "log")
    assert list(found) == given.fields
    assert {each["kind"] for name, each in found.items() if name != "a"} == {"standard"}


def test_the_baseline_is_the_error_of_the_training_mean(given):
    own = module(given)
    own.trainer = SimpleNamespace(datamodule=given)  # pyright: ignore[reportAttributeAccessIssue]
    train, val = given.numbers_of("train"), given.numbers_of("val")
    errors = []
    for pattern in range(len(given.patterns)):
        truth = val.values[val.asked == pattern]
        (field,) = set(train.fields[train.asked == pattern])
        mean = train.values[train.fields == field].mean()
        errors.append(np.median(abs(mean - truth[truth != 0]) / abs(truth[truth != 0])))
    name, error = own.baseline()
    assert name == "the training mean"
    assert error == pytest.approx(np.mean(errors), rel=1e-6)


def test_a_checkpoint_answers_without_the_data_it_was_trained_on(given, tmp_path):
    own = built(encoding=given.coding, length=given.context, **NETWORK)
    fit = trainer(max_steps=2)
    fit.fit(own, given)
    fit.save_checkpoint(tmp_path / "a.ckpt", weights_only=True)
    again = XValModule.load_from_checkpoint(tmp_path / "a.ckpt").eval()
    one = batch(given)
    torch.testing.assert_close(own.answer(one), again.answer(one), equal_nan=True)
    logits, values = own(one.tokens, one.numbers, one.fields)
    torch.testing.assert_close(again(one.tokens, one.numbers, one.fields), (logits, values))


def test_predictions_come_with_medians_and_the_ends_of_intervals(given):
    own = taught(given)
    (parts, *_) = trainer().predict(own, given)  # pyright: ignore[reportGeneralTypeIssues]
    first = parts[0]
    assert {"a", "a.low", "a.median", "a.high"} <= set(first)
    low, middle, high = (first[f"a.{end}"] for end in ("low", "median", "high"))
    assert low.shape == first["a"].shape
    assert ((low <= middle) & (middle <= high))[low.isfinite()].all()


def test_a_network_is_not_used_on_other_fields_than_its_own(given):
    own = module(given)
    with pytest.raises(ValueError, match=r"fields: .* are not the network's"):
        trainer(fast_dev_run=True).fit(own, data(sets=PRODUCTS))


@pytest.mark.parametrize(("encoding", "causal"), [("xval", False), ("p1000", True)])
def test_validation_and_test_count_every_text_once(encoding, causal):
    given = data(encoding=encoding)
    own = taught(given, causal=causal)
    runner = trainer()
    logged = runner.validate(own, given, verbose=False)[0]
    loaders = [given.val_dataloader(), *given.test_dataloader()]
    for part in runner.test(own, given, verbose=False):
        logged |= {name.partition("/dataloader")[0]: value for name, value in part.items()}
    assert given.names == ["orbits", "trees", "orbits/ood"]
    for name, loader in zip(["val", *(f"test/{n}" for n in given.names)], loaders, strict=True):
        ones = list(loader)
        asked, truth = (
            torch.cat([x.flatten() for x in each])
            for each in ([one.asked for one in ones], [one.truth for one in ones])
        )
        answers = torch.cat([own.answer(one).flatten() for one in ones])
        for number, pattern in enumerate(given.patterns):
            mine = asked == number
            if mine.any():
                expected = scores(answers[mine], truth[mine])._asdict()
                found = {key: logged.pop(f"{name}/{key}/{pattern}") for key in expected}
                assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)
        losses = [own.losses(one) for one in ones]
        words = sum(each.token_sum for each in losses) / sum(each.tokens for each in losses)
        assert logged.pop(f"{name}/token_loss") == pytest.approx(words.item(), rel=1e-5)
    assert logged.keys() == {"val/loss", "val/error"} | {
        f"{name}/number_loss" for name in ["val", *(f"test/{n}" for n in given.names)]
    }


def test_the_error_that_decides_is_the_median_relative_one_or_the_loss_if_nothing_is_asked(given):
    own = taught(given)
    logged = trainer().validate(own, given, verbose=False)[0]
    medians = [logged[f"val/median_relative/{pattern}"] for pattern in given.patterns]
    assert logged["val/error"] == pytest.approx(sum(medians) / len(medians))
    nothing = data(answers=[])
    for causal in (False, True):
        own = module(nothing, causal=causal)
        logged = trainer().validate(own, nothing, verbose=False)[0]
        assert logged["val/error"] == logged["val/loss"]


@pytest.mark.parametrize("accumulated", [1, 4, 7])
def test_the_rate_rises_and_falls_to_zero_at_the_last_batch(given, accumulated):
    own = built(encoding=given.coding, warmup=10)
    own.trainer = trainer(max_epochs=20, accumulate_grad_batches=accumulated)
    own.trainer.datamodule = given
    own.setup("fit")
    rates = [own.rate(step) for step in range(20 * -(-given.batches // accumulated) + 1)]
    peak = rates.index(max(rates))
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert rates[-2] > 0


def test_a_fit_without_epochs_has_the_schedule_of_its_steps(given):
    own = XValModule(given.coding)
    own.trainer = trainer(max_epochs=-1, max_steps=7, accumulate_grad_batches=3)
    own.trainer.datamodule = given
    own.setup("fit")
    assert own.steps == 21
    own.trainer = trainer(max_epochs=-1)
    own.trainer.datamodule = given
    with pytest.raises(ValueError, match="where a fit ends"):
        own.setup("fit")


def test_muon_has_the_matrices_of_the_blocks_and_adamw_all_else(given):
    own = module(given, matrix_lr=0.02, lr=0.003, scales=[1.0])
    (optimizer,), _ = own.configure_optimizers()
    assert isinstance(optimizer, MuonAdamW)
    of_muon, *others = optimizer.param_groups
    inside = {id(p) for p in own.model.encoder.parameters() if p.ndim == 2}
    assert {id(p) for p in of_muon["params"]} == inside
    assert of_muon["initial_lr"] == 0.02
    assert {group["initial_lr"] for group in others} == {0.003}
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in own.parameters())


def test_a_field_that_is_not_there_has_no_kind_of_transform(given):
    own = built(encoding=given.coding, **NETWORK, transform={"a": "log", "b": "log"})
    with pytest.raises(ValueError, match="transform: no field 'b'; there are a, "):
        own.check(given)


def test_a_field_has_its_own_kind_of_transform(given):
    own = module(given, transform={"a": "log"})
    kinds = {name: each["kind"] for name, each in own.hparams["transforms"].items()}
    assert kinds == dict.fromkeys(given.fields, "linear") | {"a": "log"}
