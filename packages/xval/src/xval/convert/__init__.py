"""Weights of the original xVal as ours."""
