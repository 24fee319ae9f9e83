"""CPU time of a training beside two busy processes, over that of the same training alone.

    python tests/benchmarks/neighbours.py [--rounds 3]

Two hundred steps of counting's quick run with torch's own number of threads, in a process of its
own, alone and with neighbours in turn. Needs a machine that is idle otherwise. Exits with 1 where
the median is above the bound.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

LIMIT = 1.3
FIT = (
    *("-m", "contextual_counting", "fit", "--config", "configs/contextual_counting/quick.yaml"),
    *("--threads=0", "--trainer.max_steps=200", "--trainer.enable_progress_bar=false"),
    "--trainer.limit_val_batches=0",
)


def main() -> None:
    """Measure, print, exit with 1 above the bound."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    ratios = []
    for _ in range(parser.parse_args().rounds):
        alone, beside = cpu_s(0), cpu_s(2)
        ratios.append(beside / alone)
        print(f"alone {alone:.1f} CPU-s, beside two busy processes {beside:.1f}", flush=True)
    median = statistics.median(ratios)
    print(f"ratio {median:.2f} (median of {len(ratios)})")
    sys.exit(median > LIMIT)


def cpu_s(neighbours: int) -> float:
    """CPU-seconds of the training, as its record says."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for _ in range(neighbours):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(busy.kill)
        words = [sys.executable, *FIT, f"--trainer.default_root_dir={folder}/run"]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
        return json.loads(Path(folder, "run", "metrics.json").read_text())["run"]["cpu_s"]


if __name__ == "__main__":
    main()
