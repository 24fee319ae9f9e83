"""What a user can get wrong about a simulation, beside what numbers can be in general."""

from sciformer.arguments import ArgumentError, check_least


def at_most(limit: float, **values: float | int) -> None:
    """Raise an ArgumentError naming the first value that is not in ``(0, limit]``."""
    for name, value in values.items():
        if not 0 < value <= limit:
            raise ArgumentError(name, f"{value} is not above 0 and at most {limit:g}, as is stable")


def grid(shape: tuple[int, ...], frames: int, axes: int, fewest: int = 8) -> None:
    """Raise an ArgumentError naming a grid or a number of frames that cannot be simulated."""
    if len(shape) != axes or min(shape, default=0) < fewest:
        raise ArgumentError("shape", f"{tuple(shape)} is not {axes} axes of {fewest} points each")
    check_least(frames=(frames, 1))
