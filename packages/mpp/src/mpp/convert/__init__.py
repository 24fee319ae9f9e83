"""Weights of the original MPP as ours."""
