"""Encodings of text with numbers as tokens: xVal, P10, P1000, B1999 and FP15."""
