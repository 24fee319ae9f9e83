"""Range checks of simulation parameters."""

from sciformer.arguments import ArgumentError, check_least


def at_most(limit: float, **values: float | int) -> None:
    """Check that values are in ``(0, limit]``, the stable range."""
    for name, value in values.items():
        if not 0 < value <= limit:
            raise ArgumentError(name, f"{value} is not above 0 and at most {limit:g}, as is stable")


def grid(shape: tuple[int, ...], frames: int, axes: int, fewest: int = 8) -> None:
    """Check the number of axes, points per axis and frames of a simulation."""
    if len(shape) != axes or min(shape, default=0) < fewest:
        raise ArgumentError("shape", f"{tuple(shape)} is not {axes} axes of {fewest} points each")
    check_least(frames=(frames, 1))
