"""Errors on the test windows of a run of a study, kept beside its checkpoint."""

from pathlib import Path

from mpp.evaluation.evaluate import measure, open_data
from mpp.evaluation.trained_model import open_trained
from sciformer.files import up_to_date, write_atomically
from sciformer.strict_json import read_json, to_json


def tested(checkpoint: Path) -> dict[str, float]:
    """Measure a network on the test windows of its own data, once.

    Args:
        checkpoint: A file; the numbers are kept beside it.

    Returns:
        As ``mpp evaluate`` has them in ``metrics.json``.
    """
    kept = checkpoint.with_name(f"test-{checkpoint.stem}.json")
    if not up_to_date(kept, checkpoint):
        trained = open_trained(checkpoint, "cpu")
        numbers: dict[str, float] = {}
        for compared, _ in measure(trained, open_data(trained)):
            numbers |= compared.numbers()
        write_atomically(kept, lambda beside: beside.write_text(to_json(numbers)))
    return read_json(kept)
