"""The original's own file at work, with its tokenizer: asked, evaluated, trained on."""

import json
from pathlib import Path

import pytest
import torch
from plain_xval import random_plain
from verbs import exit_code, refusal

from sciformer.training.checkpoints import checkpoint
from xval.cli import PROJECT
from xval.encodings.encoding import Encoding
from xval.inference.answer import answer
from xval.inference.ask_command import open_run

SPECIAL = {"[END]": 0, "[MASK]": 1, "[PAD]": 2, "[NUM]": 3}  # in the original's order
WORDS = ["{", "}", "[", "]", ",", "'a':", "'b':", "'c':", "'data':", "[["]
TEXT = "{'a':[MASK],'b':0.5,'data':[[1.25,-0.5,2]]}"
IDS = [
    *("{", "'a':", "[MASK]", ",", "'b':", "[NUM]", ","),
    *("'data':", "[[", "[NUM]", "[NUM]", "[NUM]", "]", "]", "}"),
]
SIZES = (len(SPECIAL) + len(WORDS), 48, 2, 6, 96, 32)  # vocab, dim, depth, heads, hidden, length
FIT = (
    *("--data.context=32", "--data.batch_size=4", "--data.workers=0", "--threads=1", "--quiet"),
    *("--trainer.max_epochs=1", "--trainer.accelerator=cpu", "--trainer.devices=1"),
    "--trainer.default_root_dir=run",
)


@pytest.fixture
def plain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = random_plain(*SIZES).eval()
    torch.save(network.state_dict(), "original.pt")
    vocab = {word: len(SPECIAL) + row for row, word in enumerate(WORDS)}
    added = [{"id": row, "content": name} for name, row in SPECIAL.items()]
    said = {"added_tokens": added, "model": {"type": "BPE", "vocab": SPECIAL | vocab, "merges": []}}
    Path("tokenizer.json").write_text(json.dumps(said))
    rows = [f"{0.1 * row:.1f},{0.2 * row:.1f},{row}" for row in range(30)]
    Path("table.csv").write_text("\n".join(["a,b,c", *rows]))
    return network


@pytest.fixture(params=["original.pt", "ours.safetensors"])
def path(plain, request):
    if request.param != "original.pt":
        run("convert", "original.pt", request.param)
        Path("tokenizer.json").unlink()
    return request.param


def run(*words):
    assert exit_code(PROJECT, *words) == 0


def test_a_masked_number_is_the_originals(plain, path, capsys):
    ids = {**SPECIAL, **{word: len(SPECIAL) + row for row, word in enumerate(WORDS)}}
    tokens = torch.tensor([[ids[name] for name in IDS]])
    numbers = torch.ones(tokens.shape)
    numbers[tokens == SPECIAL["[NUM]"]] = torch.tensor([0.5, 1.25, -0.5, 2.0])
    with torch.no_grad():
        expected = plain(tokens, numbers)[1][0, IDS.index("[MASK]"), 0].item()
    (found,) = answer(open_run(path, "cpu").module, TEXT).numbers
    assert found == pytest.approx(expected, abs=1e-5)  # fp32 sums in another order
    capsys.readouterr()
    run("ask", path, TEXT)
    said = capsys.readouterr()
    assert f"{expected:.3f}"[:5] in said.out
    assert "no field" not in said.err


def test_it_is_evaluated_on_a_table(path):
    run("evaluate", path, "--data", "{path: table.csv, answers: [c]}", "--out", "report")
    assert any("/c" in key for key in json.loads(Path("report/metrics.json").read_text()))


def test_a_training_starts_from_it_and_rows_of_the_same_tokens_are_kept(plain, path):
    run(
        "fit",
        "--model.start",
        path,
        "--data.files",
        "[table.csv]",
        *FIT,
        "--model.optimizer.lr=1e-9",
    )
    saved = checkpoint.read("run/last.ckpt")
    settings, weights = saved["hyper_parameters"], saved["state_dict"]
    assert settings["network"]["dim"] == SIZES[1]
    assert not settings["network"]["final_norm"]
    names = Encoding(**settings["encoding"]).names
    theirs = plain.state_dict()["token_embed.weight"]
    for name, row in (("[NUM]", 3), (f"<0x{ord('{'):02X}>", len(SPECIAL)), ("[END]", 0)):
        ours = weights["model.embedding.tokens.weight"][names.index(name)]
        torch.testing.assert_close(ours, theirs[row], atol=1e-6, rtol=1e-5)
    run("ask", "run", "{'a':[MASK],'b':0.5,'c':3}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'z':[MASK]}", "has no token"),
        ("{'a':[MASK]," + "'b':1," * 30 + "}", "tokens, but the network reads 32"),
    ],
)
def test_what_it_cannot_read_is_said(plain, capsys, text, message):
    run("convert", "original.pt", "ours.safetensors")
    assert message in refusal(PROJECT, capsys, "ask", "ours.safetensors", text)


def test_a_missing_or_wrong_tokenizer_is_named(plain, capsys):
    Path("other_tokenizer.json").write_text('{"model": {"vocab": []}}')
    words = ("convert", "original.pt", "x.safetensors", "--heads", 6)
    assert "tokenizer.json" in refusal(PROJECT, capsys, *words)
    line = refusal(PROJECT, capsys, *words, "--tokenizer", "other_tokenizer.json")
    assert "no tokenizer of the original" in line
    for name in ("other_tokenizer.json", "tokenizer.json"):
        Path(name).unlink()
    run(*words)
    assert "no *tokenizer*.json" in refusal(PROJECT, capsys, "ask", "x.safetensors", TEXT)
