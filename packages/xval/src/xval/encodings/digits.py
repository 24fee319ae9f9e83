"""Text encodings of numbers with three significant digits: P10, P1000, B1999 and FP15.

Charton 2022 (arXiv 2112.01898), section 2, and xVal's table 1. A number is sign, integer mantissa
``ddd`` and exponent ``E+d``; an encoding decides which of them share a token.
"""

from itertools import product

EXPONENTS = 16
WIDEST = 290  # largest |lowest exponent|: float64 ends at 1e308
LOWEST = -9  # exponents E-9 .. E+6: numbers from 1e-7 to 9.99e8
SIGNS = ("+", "-")
MANTISSAS = tuple(str(mantissa) for mantissa in range(100, 1000))
DIGITS = tuple("0123456789")
ZERO = "000"  # digits of P10; one extra token in the others


class Digits:
    """One of the four text encodings of numbers.

    Args:
        name: ``p10``, ``p1000``, ``b1999`` or ``fp15``.
        lowest: Lowest of the 16 exponents.
        clip: Encode numbers out of range as the largest number, the smallest or zero, whichever is
            nearest, instead of raising.
    """

    def __init__(self, name: str, lowest: int = LOWEST, clip: bool = False) -> None:
        self.name = name
        self.clip = clip
        self.exponents = range(lowest, lowest + EXPONENTS)
        names = tuple(f"E{exponent:+d}" for exponent in self.exponents)
        signed = tuple(map("".join, product(SIGNS, MANTISSAS)))
        self.slots: tuple[tuple[str, ...], ...] = {
            "p10": (SIGNS, DIGITS, DIGITS, DIGITS, names),
            "p1000": (SIGNS, MANTISSAS, names),
            "b1999": (signed, names),
            "fp15": (tuple(map("".join, product(signed, names))),),
        }[name]
        # Zero takes as many tokens as any number: the length of a hidden number reveals nothing.
        self.zero = self.cut("+", ZERO, "E+0" if 0 in self.exponents else names[0])
        known = dict.fromkeys(token for slot in self.slots for token in slot)
        self.vocabulary = list(known)
        extra = [token for token in self.zero if token not in known]
        self.extra = extra[0] if extra else None
        self.allowed = [{*slot, zero} for slot, zero in zip(self.slots, self.zero, strict=True)]
        self.range = float(f"100{names[0]}"), float(f"999{names[-1]}")

    def cut(self, sign: str, mantissa: str, exponent: str) -> list[str]:
        """Group sign, mantissa and exponent into tokens."""
        if self.name == "p10":
            return [sign, *mantissa, exponent]
        if self.name == "p1000":
            return [sign, mantissa, exponent]
        return [sign + mantissa, exponent] if self.name == "b1999" else [sign + mantissa + exponent]

    def encode(self, number: float | int) -> list[str]:
        """Tokens of a number rounded to three digits; -0 is 0.

        Args:
            number: Finite number.

        Returns:
            Tokens; every number has the same number of tokens.

        Raises:
            ValueError: If it is not finite, or out of range and ``clip`` is off.
        """
        if number == 0:
            return self.zero
        text = f"{number:+.2e}"  # correctly rounded: +6.02e+01
        if number != number:
            raise ValueError("nan is no number")
        exponent = int(text[6:]) - 2 if "e" in text else self.exponents.stop
        if exponent in self.exponents:
            return self.cut(text[0], text[1] + text[3:5], f"E{exponent:+d}")
        low, high = self.range
        if not self.clip:
            raise ValueError(f"{self.name}: {number} is out of range, {low:g} to {high:g}")
        if exponent >= self.exponents.stop:
            return self.encode(high if number > 0 else -high)
        return self.zero if abs(number) < low / 2 else self.encode(low if number > 0 else -low)

    def decode(self, tokens: list[str]) -> float:
        """Number that tokens encode; ``ValueError`` if they are not the tokens of one number."""
        allowed = len(tokens) == len(self.allowed)
        if not allowed or any(t not in ok for t, ok in zip(tokens, self.allowed, strict=True)):
            raise ValueError(f"{self.name}: {' '.join(tokens)!r} are not the tokens of a number")
        return float("".join(tokens)) + 0.0  # no -0
