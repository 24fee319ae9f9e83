"""Comparison with baselines: keys of ``metrics.json``, and the best baseline."""

from collections.abc import Mapping

MODEL = "model"  # the method that is no baseline


def metric_key(key: str, method: str) -> str:
    """Key of a method's metric: ``<key>`` for the model, ``<key>/baseline_<method>`` for baselines.

    Args:
        key: ``<set>/<metric>[/<part>]``.
        method: ``model``, or the name of a baseline.

    Returns:
        A key of ``metrics.json``.
    """
    return key if method == MODEL else f"{key}/baseline_{method}"


def best_baseline(errors: Mapping[str, float]) -> tuple[str, float]:
    """Baseline with the smallest error.

    Args:
        errors: Method -> error; the model is ignored.

    Returns:
        Name and error; ``no baseline`` and NaN if there is none.
    """
    others = [(error, name) for name, error in errors.items() if name != MODEL]
    error, name = min(others, key=lambda pair: pair[0], default=(float("nan"), "no baseline"))
    return name, error
