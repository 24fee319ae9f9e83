"""Simulators of mpp: frames per CPU-second, conservation, and how easy their next frame is.

    python tests/benchmarks/mpp_solvers.py [--quick]

Exits with 1 where a system gives fewer than 50 trajectory-frames per CPU-second of one thread at
64 x 64 (1-D: 256 points), or where repeating the last frame predicts the next one with a VRMSE
below 0.2 in a default regime. PDEBench's diffusion-reaction comes to rest and is only shown.
"""

import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table
from script import parsed

from mpp.simulate import SYSTEMS, System
from mpp.simulate.compressible import GAMMA

FASTEST, HARDEST = 50.0, 0.2
RESTING = "diffusion_reaction_noise"
SIZES = {1: ((256,), (1024,)), 2: ((64, 64), (128, 128))}


def conserved(name: str, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Densities whose mean the system conserves: (trajectory, time, *grid)."""
    match name:
        case "shallow_water" | "dam_break":  # its waves have not reached the boundary
            return {"mass": frames[:, :, 0]}
        case "incompressible":
            return {"tracer": frames[:, :, 2]}
        case "compressible":
            rho, u, v, p = np.moveaxis(frames, 2, 0)
            energy = p / (GAMMA - 1) + 0.5 * rho * (u**2 + v**2)
            return {"mass": rho, "energy": energy}
        case "burgers":
            return {"momentum": frames[:, :, 0]}
    return {}


def drift(name: str, frames: np.ndarray) -> str:
    """Largest change of each conserved mean, over the root mean square of what is averaged."""
    out = []
    for label, density in conserved(name, frames).items():
        axes = tuple(range(2, density.ndim))
        total, size = density.mean(axes), np.sqrt((density**2).mean(axes))
        out.append(f"{label} {(np.abs(total - total[:, :1]) / size).max():.0e}")
    return "\n".join(out) or "none holds"


def vrmse(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Root of the squared error over the variance, per field; mean of trajectories and frames."""
    axes = tuple(range(3, truth.ndim))
    return np.sqrt(((predicted - truth) ** 2).mean(axes) / truth.var(axes)).mean((0, 1))


def speed(system: System, shape: tuple[int, ...], samples: int, rounds: int) -> float:
    """Frames per CPU-second, the best of some rounds; the first frame costs nothing."""
    system.simulate(0, 1, frames=2, shape=shape)
    best = 0.0
    for seed in range(rounds):
        start = time.process_time()
        frames = system.simulate(seed, samples, shape=shape).shape[1] - 1
        best = max(best, samples * frames / (time.process_time() - start))
    return best


def main() -> None:
    """Measure, print a table, exit with 1 where a bound does not hold."""
    quick = parsed(__doc__, "few trajectories, small grids only").quick
    table = Table(title="Simulators, one thread; 1-D systems on 256 and 1024 points")
    for column in ("system", "frames/CPU-s, 64", "128", "drift", "field", "persistence", "linear"):
        table.add_column(column)
    failed = []
    for name, system in SYSTEMS.items():
        small, large = SIZES[len(system.shape)]
        rate = speed(system, small, samples=4, rounds=2 if quick else 4)
        slower = "-" if quick else f"{speed(system, large, 4, 1):.1f}"
        frames = system.simulate(1, 4 if quick else 16, shape=small).astype(float)
        now, then = frames[:, 2:], frames[:, 1:-1]
        repeated, straight = vrmse(then, now), vrmse(2 * then - frames[:, :-2], now)
        cells = (f"{rate:.0f}", slower, drift(name, frames))
        table.add_row(
            name,
            *cells,
            "\n".join(field.name for field in system.fields),
            "\n".join(f"{value:.2f}" for value in repeated),
            "\n".join(f"{value:.2f}" for value in straight),
            end_section=True,
        )
        if rate < FASTEST:
            failed.append(f"{name}: {rate:.0f} frames per CPU-second, below {FASTEST:.0f}")
        if name != RESTING and repeated.min() < HARDEST:
            failed.append(f"{name}: persistence VRMSE {repeated.min():.3f}, below {HARDEST}")
    Console(width=110).print(table)
    sys.exit("\n".join(failed) or None)


if __name__ == "__main__":
    main()
