import math

import pytest
import torch
from torch.nn.functional import cross_entropy
from trainers import silent_trainer

from contextual_counting.data.datamodule import VALIDATION, VALIDATION_SAMPLES, Batch, CountingData
from contextual_counting.module import CountingModule, Network
from contextual_counting.simulate.sequences import NO_REGION
from sciformer.training.optim import MuonAdamW

RATES = [
    {"matrices": 2e-2, "others": 2e-3, "head": 3e-2, "sigma": 1e-2, "warmup": 50, "power": 1.0},
    {"matrices": 1e-2, "others": 1e-3, "head": 1e-2, "sigma": 5e-3, "warmup": 50, "power": 2.0},
]


def trainer(tmp_path, **options):
    return silent_trainer(default_root_dir=tmp_path, **options)


def test_the_loss_is_the_mean_cross_entropy_of_the_regions_that_are_there(tmp_path):
    module = CountingModule(Network(head="free", classes=20))
    trainer(tmp_path).strategy.connect(module)
    module.trainer = trainer(tmp_path)
    counts = torch.tensor([[3, 5], [7, NO_REGION], [30, 1]])  # 30 is beyond the 20 classes
    batch = Batch(torch.randint(0, 4, (3, 30)), counts)
    logits = module(batch.tokens, 2)
    expected = cross_entropy(logits[[0, 0, 1, 2], [0, 1, 0, 1]], torch.tensor([3, 5, 7, 1]))
    assert module.loss(batch).item() == pytest.approx(expected.item(), rel=1e-6)


def test_every_parameter_is_in_exactly_one_group():
    for head in ("quadratic", "free"):
        module = CountingModule(Network(head=head, positions="learned", mlp=True))
        grouped = [p for group in module.parameter_groups() for p in group["params"]]
        assert len(grouped) == len({id(p) for p in grouped})
        assert {id(p) for p in grouped} == {id(p) for p in module.parameters()}


def test_the_ten_matrices_of_attention_and_mlp_are_muons():
    groups = {group["name"]: group["params"] for group in CountingModule().parameter_groups()}
    assert len(groups["matrices"]) == 10
    assert {p.shape for p in groups["matrices"]} == {(64, 64), (128, 64), (64, 128)}


def test_rates_rise_and_fall_in_each_stage():
    module = CountingModule(rates=RATES, steps=[100, 200])
    assert module.group_rate("head", 0) == pytest.approx(3e-2 / 50)
    assert module.group_rate("head", 49) == pytest.approx(3e-2)
    assert module.group_rate("head", 99) < 1e-4
    assert module.group_rate("sigma", 149) == pytest.approx(5e-3)
    assert module.group_rate("matrices", 225) == pytest.approx(
        0.25e-2
    )  # half of the cosine, squared
    assert module.group_rate("others", 300) == 0


def test_one_entry_of_rates_serves_all_stages():
    module = CountingModule(rates=RATES[:1], steps=[100, 200, 300])
    assert module.group_rate("head", 349) == pytest.approx(3e-2)


@pytest.mark.parametrize("optimizer", ["muon", "muon_bf16", "adamw"])
def test_training_moves_every_parameter_and_lowers_the_loss(tmp_path, optimizer):
    torch.manual_seed(0)
    data = CountingData(length=16, regions=1, batch_size=32, steps=30, samples=10)
    rates = [
        {"matrices": 1e-2, "others": 1e-2, "head": 5e-2, "sigma": 1e-2, "warmup": 5, "power": 1.0}
    ]
    module = CountingModule(Network(classes=20), optimizer=optimizer, rates=rates, steps=[30])
    before = {name: p.clone() for name, p in module.named_parameters()}
    run = trainer(tmp_path, max_epochs=1, num_sanity_val_steps=0, log_every_n_steps=10)
    run.fit(module, data)
    assert isinstance(run.optimizers[0], MuonAdamW) == (optimizer != "adamw")
    still = {name for name, p in module.named_parameters() if torch.equal(p, before[name])}
    # With one region, one prompt asks. The key and query of a single prompt still move.
    assert still <= {"model.decoder.attention.query.bias"}
    assert run.callback_metrics["train/loss"] < math.log(20)
    assert run.callback_metrics["val/top1_min"] > 0.1


def test_non_causal_without_positions_stays_at_chance(tmp_path):
    # Proposition 2.3: whatever it learns, the order of the tokens is lost on it.
    torch.manual_seed(0)
    data = CountingData(length=64, regions=2, batch_size=64, steps=150)
    rates = [RATES[0] | {"warmup": 20}]
    module = CountingModule(Network(causal=False), rates=rates, steps=[150])
    run = trainer(tmp_path, max_epochs=1, num_sanity_val_steps=0)
    run.fit(module, data)
    counts = data.evaluation("id", VALIDATION, VALIDATION_SAMPLES).counts
    for region in range(2):
        chance = counts[:, region].bincount().max() / VALIDATION_SAMPLES
        # 1000 sequences: 0.03 are three standard deviations.
        assert run.callback_metrics[f"val/top1/region{region}"] < chance + 0.03


def test_test_logs_every_set_and_region(tmp_path):
    data = CountingData(length=16, regions=2, samples=5)
    module = CountingModule(Network(classes=20), regions=3)
    logged = _merged(trainer(tmp_path).test(module, data, verbose=False))
    assert "test/id/top1/region1" in logged
    assert "test/r3/mae/region2" in logged
    assert "test/t1024/top5/region0" in logged


def test_a_set_with_more_regions_than_prompts_is_left_out(tmp_path):
    data = CountingData(length=16, regions=2, samples=5)
    logged = _merged(
        trainer(tmp_path).test(CountingModule(Network(classes=20), regions=2), data, verbose=False)
    )
    assert not any(name.startswith("test/r3/") for name in logged)
    assert "test/id/top1/region0" in logged


def _merged(results):
    return {name: value for result in results for name, value in result.items()}
