"""Report sections on encoder, effective values, interventions and readout."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softmax

from contextual_counting.analysis import figures
from contextual_counting.analysis.effective_values import decoded, effective_values, is_linear
from contextual_counting.analysis.encoder_attention import (
    class_scores,
    leak,
    position_scores,
    rotary_planes,
)
from contextual_counting.analysis.interventions import (
    PATCHED,
    added,
    answer,
    erase_the_last_bracket,
    flip_a_bit,
    patched,
    without,
)
from contextual_counting.analysis.principal_components import ones_by_region
from contextual_counting.analysis.ratio_readout import exact, fit
from contextual_counting.analysis.token_kinds import KINDS
from contextual_counting.analysis.trained_network import FEW, MANY, Case, key, region_names
from contextual_counting.simulate.sequences import CLOSE, ONE, OPEN, ZERO
from sciformer.interpret.probes import linear_probe, shuffled_weights
from sciformer.report.html import Cell, percent
from sciformer.report.report import Report

LEAKS = ("id", "t300", "t1024")
SHOWN = 16  # sequences shown in figures


def add_encoder(report: Report, case: Case) -> None:
    """Add the section on the encoder: attention scores, and the 1s of each region by PCA."""
    report.add_figure(
        "Scores of the encoder",
        figures.score_matrix(class_scores(case.model)),
        "Before the softmax, between classes of tokens, without what positions add. The paper's "
        "circuit: 1s attend to brackets and to nothing else, so that the share of [ among the "
        "brackets before a token tells the region.",
    )
    found = {}
    for name in [name for name in LEAKS if name in case.sets]:
        tokens = case.data.evaluation(name, samples=SHOWN).tokens
        found[name] = leak(case.model, tokens, case.sets[name].regions)
    report.add_metrics(
        {f"{n}/leak/region{r}": v for n, shares in found.items() for r, v in enumerate(shares)}
    )
    report.add_figure(
        "Attention leaked onto 0s and 1s",
        figures.leaks(found),
        "Share of the encoder's attention that the 1s of each region put on 0s and 1s instead of "
        "brackets; it grows with the length, and moves what a region looks like.",
    )
    tokens = case.own(SHOWN).tokens
    sites = ("encoder.block.attention.out", "decoder.attention.key")
    components = [ones_by_region(case.model, tokens, case.regions, site) for site in sites]
    report.add_figure(
        "1s by region",
        figures.planes(
            ["what the encoder's attention gives", "keys of the decoder"], components, case.regions
        ),
        f"Principal components of what the 1s of {SHOWN} sequences carry; in brackets their share "
        "of the variance. Regions that lie apart can be attended to one by one.",
    )
    if case.model.encoder.block.attention.rotary is not None:
        report.add_figure(
            "Rotary planes",
            figures.rotary(rotary_planes(case.model)),
            "How far each plane can move the score between a 1 and a [. A plane whose wavelength "
            "is longer than the sequence hardly knows positions.",
        )
    if case.model.encoder.positions is not None:
        report.add_figure(
            "Scores by learned position",
            figures.position_map(position_scores(case.model)),
            "Between a 1 and a [; without positions all would be the same.",
        )


def add_values(report: Report, case: Case) -> None:
    """Add effective values and the paper's formula; only for a linear decoder."""
    if not is_linear(case.model):
        return
    batch = case.own(4 * FEW)
    found = effective_values(case.model, batch.tokens, case.regions)
    most = int(batch.counts.max())
    report.add_figure(
        "Effective values",
        figures.values(found, most),
        "Logits that attention on the 1s of a region alone, or on all else alone, would give.",
    )
    with torch.no_grad():
        logits = case.module(batch.tokens, case.regions).double()
    seen, rows = [], []
    for region, values in enumerate(found):
        counts = batch.counts[:, region]
        chances = softmax(logits[:, region], -1).gather(1, counts[:, None])[:, 0]
        seen.append((counts.numpy(), chances.numpy()))
        agreed = values.logits(counts).argmax(1) == logits[:, region].argmax(1)
        rows.append(agreed.double().mean().item())
    report.add_metrics({f"id/formula_agrees/region{r}": v for r, v in enumerate(rows)})
    report.add_figure(
        "The paper's formula and the network",
        figures.formula(found, seen, most),
        "Probability of the true count: of the network (points) and of equation 3 (line), which "
        "knows two values and one weight per region. They give the same answer for "
        f"{', '.join(percent(value, 1) for value in rows)} of the sequences.",
    )


def add_interventions(report: Report, case: Case) -> None:
    """Add the section on interventions: answers when network or sequence change."""
    tokens = case.few()
    changes = torch.stack([without(case.model, tokens, case.regions, kind) for kind in KINDS])
    report.add_metrics(
        {
            f"without/{key(kind)}/region{region}": changes[index, region]
            for index, kind in enumerate(KINDS)
            for region in range(case.regions)
        }
    )
    report.add_figure(
        "Hidden from the decoder",
        figures.hidden(changes),
        f"Median change of the count, of {FEW} sequences, where the decoder may not attend to a "
        "kind of token and attends to the others in its place.",
    )
    if case.model.encoder.positions is None:
        _add_insertions(report, case)
    _add_patches(report, case)


def _add_insertions(report: Report, case: Case) -> None:
    rng = np.random.default_rng(0)
    quarter = case.data.own.length // 4
    region = torch.tensor([OPEN, ONE, CLOSE])
    found = {
        f"{quarter} zeros outside of regions": (torch.full((quarter,), ZERO), False, "zeros"),
        f"{quarter} 1s outside of regions": (torch.full((quarter,), ONE), False, "ones"),
        "a region more, at the end": (region, True, "region"),
    }
    rows: list[list[Cell]] = []
    for name, (more, behind, short) in found.items():
        change = added(case.model, case.few(), case.regions, more, rng, behind).tolist()
        rows.append([name, *(percent(value, 1) for value in change)])
        report.add_metrics({f"added/{short}/region{r}": v for r, v in enumerate(change)})
    report.add_table(
        "Change of the count where tokens are added that change no count",
        ["Added", *region_names(case.regions)],
        rows,
        f"Medians of {FEW} sequences.",
    )


def _add_patches(report: Report, case: Case) -> None:
    last = case.regions - 1
    pairs = {
        "a 0 of the last region becomes a 1": flip_a_bit(case.few(), last),
        "the last ] becomes a 0": erase_the_last_bracket(case.few(), case.regions),
    }
    rows: list[list[Cell]] = []
    for name, pair in pairs.items():
        for where, elsewhere in (("that token", False), ("all others", True)):
            found = patched(case.model, pair, case.regions, last, elsewhere)
            rows.append([f"{name}; {where}", *(percent(found[site], 0) for site in PATCHED)])
    report.add_table(
        "Activation patching: share of a change in the answer that one site brings about",
        ["Change; patched at", *PATCHED],
        rows,
        f"Medians of {FEW} pairs of sequences: what the changed one gives at a site is put into "
        "the run of the other.",
    )


def add_readout(report: Report, case: Case) -> None:
    """Add the readout: whether the attention holds the counts even if the head fails."""
    batch = case.own(2000)
    size = case.data.at_once(case.data.own.length)
    z = torch.cat([decoded(case.model, part, case.regions) for part in batch.tokens.split(size)])
    _add_probes(report, case, batch.tokens[:MANY], z[:MANY], batch.counts[:MANY])
    readouts = [fit(z[:, r], batch.counts[:, r]) for r in range(case.regions)]
    rows: list[list[Cell]] = []
    for name, setting in case.sets.items():
        other = case.data.evaluation(name, samples=min(case.samples, 500))
        regions = min(case.regions, setting.regions)
        parts = other.tokens.split(case.data.at_once(setting.length))
        far = torch.cat([decoded(case.model, part, regions) for part in parts])
        found = [exact(readouts[r], far[:, r], other.counts[:, r]) for r in range(regions)]
        report.add_metrics({f"{name}/readout/region{r}": v for r, v in enumerate(found)})
        rows.append([name, *map(percent, found), *[None] * (case.regions - regions)])
    report.add_table(
        "Rational readout: exact counts of a ratio fitted to what the decoder attends to",
        ["Set", *region_names(case.regions)],
        rows,
        "Fitted on 2000 sequences of the run's own distribution, with known counts: it says "
        "whether the attention counts, not whether the network says so.",
    )


def _add_probes(report: Report, case: Case, tokens: Tensor, z: Tensor, counts: Tensor) -> None:
    """Add linear probes of the count, with controls, beside what the head says."""
    model, size = case.model, case.data.at_once(case.data.own.length)
    blind_model = shuffled_weights(model)
    parts = tokens.split(size)
    blind = torch.cat([decoded(blind_model, part, case.regions) for part in parts])
    said = torch.cat([answer(model, part, case.regions) for part in parts])
    rows: list[list[Cell]] = []
    for r in range(case.regions):
        wanted = counts[:, r].double()
        probe = linear_probe(z[:, r], wanted, random=blind[:, r])
        spread = (wanted - wanted.mean()).square().sum().clamp_min(1)
        head = 1 - ((said[:, r] - wanted).square().sum() / spread).item()
        found = {
            "head": head,
            "probe": probe.score,
            "probe_shuffled": probe.shuffled,
            "probe_random": probe.random,
        }
        report.add_metrics({f"id/{name}_r2/region{r}": value for name, value in found.items()})
        rows.append([f"region {r + 1}", *(f"{value:.4f}" for value in found.values())])
    report.add_table(
        "Linear probe for the count, R2",
        ["Region", "head", "probe", "probe, shuffled counts", "probe, shuffled weights"],
        rows,
        "Of what the decoder attends to, on sequences that the probe was not fitted on. A probe "
        "that is right where the head is not: the count is there but misread. Attention holds a "
        "ratio, which no linear probe reads exactly.",
    )
