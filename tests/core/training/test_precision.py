import warnings

import pytest
import torch

from sciformer.training import precision as precision_file
from sciformer.training.precision import best_precision, warn_of_emulation


def test_without_a_gpu_a_run_is_in_fp32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_precision() == "32-true"


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_gpu_computes_in_bf16_where_it_does_so_natively(native, precision, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: native or including_emulation,  # as before Ampere
    )
    assert best_precision() == precision


@pytest.mark.parametrize(
    ("told", "precision", "device", "units"),
    [
        (True, "bf16-mixed", "cpu", False),
        (True, "bf16-true", "cpu", False),
        (False, "bf16-mixed", "cpu", True),
        (False, "bf16-mixed", "cuda", False),
        (False, "32-true", "cpu", False),
    ],
)
def test_bf16_on_a_cpu_without_units_for_it_is_told(told, precision, device, units, monkeypatch):
    monkeypatch.setattr(precision_file, "bf16_products", lambda: units)
    with warnings.catch_warnings(record=True) as caught:
        warn_of_emulation(precision, torch.device(device))
    assert [precision in str(warning.message) for warning in caught] == [True] * told
