import numpy as np
import pytest
import torch
from astroclip_small import data, fit, module

from astroclip.data.batch import Batch
from astroclip.data.feature_cache import CachedFeatures, seen
from astroclip.losses.objectives import drawn_on
from sciformer.training.checkpoints.checkpoint import stamp

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def galaxies():
    return data()


@pytest.fixture(scope="module")
def batch(galaxies):
    return galaxies.dataset("train").pool.batch(slice(0, 12))


def moved(network, train):
    """Names of the parameters that a training changes."""
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    train()
    return {name for name, p in network.named_parameters() if not torch.equal(p, before[name])}


@pytest.mark.parametrize("loss", ["infonce", "siglip"])
def test_all_that_is_trained_moves_the_temperature_too(galaxies, loss):
    """Dossier 3.1, bug 3: the original's temperature is learnable and never learns."""
    ours = module(loss=loss, lr=0.01)
    changed = moved(ours.model, lambda: fit(ours, galaxies))
    trained = {name for name, p in ours.model.named_parameters() if p.requires_grad}
    assert changed == trained
    assert "log_scale" in changed
    assert ("bias" in changed) == (loss == "siglip")


def test_the_rate_reaches_its_least_at_the_last_step_and_never_zero(galaxies):
    """Dossier 3.1: the original's schedule is at 0 long before the end."""
    ours = module(warmup=3)
    ours.steps = 100
    rates = [ours.rate(step) for step in range(100)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert min(rates[3:]) == rates[-1] > 0.02
    assert rates[-1] == pytest.approx(0.02, abs=1e-3)


def test_validation_counts_every_galaxy_once_and_in_evaluation_mode(galaxies):
    ours = module()
    trainer = fit(ours, galaxies, limit_train_batches=1)
    assert len(ours.pairs.compute()) == 12  # in batches of 8
    shares = [trainer.callback_metrics[f"val/recall_{k}"] for k in (1, 5, 10)]
    assert shares == sorted(shares)
    assert float(shares[2]) >= 10 / 12 - 0.5
    assert ours.baseline() == ("chance", 10 / 12)


@pytest.mark.parametrize("chunk", [1, 5, 12])
def test_chunks_of_a_batch_have_the_gradients_of_the_whole(batch, chunk):
    whole, parts = module(), module(chunk=chunk)
    for ours in (whole, parts):
        ours.learning(batch, drawn_on(ours.device), 0.0)["loss"].backward()
    for (name, one), other in zip(
        whole.model.named_parameters(), parts.model.parameters(), strict=True
    ):
        if one.grad is not None:
            torch.testing.assert_close(other.grad, one.grad, rtol=1e-4, atol=1e-6, msg=name)


def test_only_the_heads_of_frozen_encoders_move(galaxies):
    ours = module(frozen=["image", "spectrum"])
    changed = moved(ours.model, lambda: fit(ours, galaxies))
    parts = {".".join(name.split(".")[:2]) for name in changed}
    heads = {"image.head", "spectrum.head", "spectrum.decoder"}
    projections = {
        f"{kind}_projection.{p}" for kind in ("image", "spectrum") for p in ("weight", "bias")
    }
    assert parts == heads | projections | {"log_scale"}


def test_what_frozen_encoders_see_may_be_kept_on_the_disk(galaxies, tmp_path):
    frozen = {"frozen": ["image", "spectrum"], "reconstruction": 0.5}
    plain, cached = module(**frozen), module(**frozen, cache=str(tmp_path))
    own = data()
    cached.check(own)
    (folder,) = tmp_path.iterdir()
    losses = [
        float(fit(*each).callback_metrics["val/loss"])
        for each in ((plain, galaxies), (cached, own))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)  # what is kept is in fp16
    module(**frozen, cache=str(tmp_path)).check(data())
    assert list(tmp_path.iterdir()) == [folder]
    module(**frozen, width=8, cache=str(tmp_path)).check(data(seed=1))
    assert len(list(tmp_path.iterdir())) == 2


def test_cached_features_that_are_damaged_are_named(galaxies, tmp_path):
    module(frozen=["image", "spectrum"], cache=str(tmp_path)).check(galaxies)
    (folder,) = tmp_path.iterdir()
    rows = CachedFeatures(folder).arrays[-1]
    np.save(folder / "number.npy", rows[1:])
    with pytest.raises(ValueError, match=f"{folder}: no features"):
        CachedFeatures(folder)
    (folder / "wanted.npy").write_bytes(b"")
    with pytest.raises(ValueError, match=r"wanted\.npy: truncated"):
        CachedFeatures(folder)


def test_cached_features_give_the_loss_of_the_galaxies(batch):
    ours = module(frozen=["image", "spectrum"]).eval()
    draw = drawn_on(ours.device)
    direct = ours.learning(batch, draw, 0.0)
    through = ours.learning(seen(ours.model, batch), draw, 0.0)
    for name in ("loss", "contrast", "reconstruction"):
        torch.testing.assert_close(through[name], direct[name])


def test_an_encoder_of_spectra_learns_by_itself_and_an_alignment_begins_with_it(galaxies, tmp_path):
    first = module(objective="spectrum", lr=0.01)
    changed = moved(first.model, lambda: fit(first, galaxies, max_epochs=2))
    assert {name.split(".")[0] for name in changed} == {"spectrum"}
    saved = {"state_dict": first.state_dict(), "hyper_parameters": dict(first.hparams)}
    stamp(saved, first, {})
    torch.save(saved, tmp_path / "spectrum.ckpt")
    second = module(start=[str(tmp_path / "spectrum.ckpt")])
    second.check(galaxies)
    for name, tensor in first.model.spectrum.state_dict().items():
        assert torch.equal(second.model.spectrum.state_dict()[name], tensor)
    wrong = module(start=[str(tmp_path / "spectrum.ckpt")], width=8)
    with pytest.raises(ValueError, match=r"spectrum.ckpt: spectrum.head.skip.weight is \(16"):
        wrong.check(galaxies)


def test_a_teacher_follows_a_student_of_images_alone(galaxies):
    ours = module(objective="image", lr=0.01, size=16, patch=4)
    teacher = ours.learning.distilled.teacher
    changed = moved(ours.model, lambda: moved(teacher, lambda: fit(ours, galaxies)))
    assert {name.split(".")[1] for name in changed} == {"tokens"}
    one, other = (
        branch.backbone.embed.weight for branch in (teacher, ours.learning.distilled.student)
    )
    assert not torch.equal(one, other)


def test_hidden_pieces_do_not_tell_what_they_are(batch):
    ours = module(objective="spectrum")
    encoder = ours.model.spectrum
    hidden = torch.zeros(12, 512, dtype=torch.bool)
    hidden[:, 100:140] = True
    bins = hidden.repeat_interleave(4, 1)
    other = batch.flux.where(~bins, 7.0)
    one, two = (encoder(flux, batch.ivar, hidden) for flux in (batch.flux, other))
    assert torch.equal(one.reconstruction, two.reconstruction)
    assert not torch.equal(one.wanted, two.wanted)


def test_an_alignment_of_spectra_alone_is_refused_in_one_line():
    lonely = Batch(
        None, torch.zeros(2, 2048), torch.ones(2, 2048), torch.zeros(2, 0), torch.arange(2)
    )
    with pytest.raises(ValueError, match="both images and spectra"):
        module().learning(lonely, torch.default_generator, 0.0)
