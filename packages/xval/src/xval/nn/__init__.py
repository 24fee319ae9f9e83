"""Network of xVal, and decoding of its predictions."""
