"""What a user can get wrong about a simulation, said with name and value."""


def positive(**values: float) -> None:
    """Raise a ValueError naming the first value that is not above zero."""
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} is {value}; it has to be positive and finite")


def not_negative(**values: float) -> None:
    """Raise a ValueError naming the first value that is below zero."""
    for name, value in values.items():
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} is {value}; it has to be finite and not negative")


def at_most(limit: float, **values: float | int) -> None:
    """Raise a ValueError naming the first value that is not in ``(0, limit]``."""
    for name, value in values.items():
        if not 0 < value <= limit:
            raise ValueError(f"{name} is {value}; stable in (0, {limit:g}]")


def grid(shape: tuple[int, ...], frames: int, axes: int, fewest: int = 8) -> None:
    """Raise a ValueError naming a grid or a number of frames that cannot be simulated."""
    if len(shape) != axes or min(shape, default=0) < fewest:
        raise ValueError(f"shape is {tuple(shape)}; {axes} axes of at least {fewest} points needed")
    if frames < 1:
        raise ValueError(f"frames is {frames}; at least 1 needed")
