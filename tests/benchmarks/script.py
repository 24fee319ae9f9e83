"""Command line of a benchmark script."""

import argparse
from typing import Any

import torch


def parsed(doc: str | None, quick: str, **more: dict[str, Any]) -> argparse.Namespace:
    """Read the arguments, and settle on one thread and on memory as in a process that trains.

    Args:
        doc: Text of the script; its first line is the help.
        quick: What ``--quick`` leaves out.
        **more: Further options, with the arguments of ``add_argument``.
    """
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=quick)
    for name, options in more.items():
        parser.add_argument(f"--{name}", **options)
    found = parser.parse_args()
    torch.set_num_threads(1)
    torch.ones(31 << 18)  # freed: as in a process that trains, glibc then keeps what is freed
    return found
