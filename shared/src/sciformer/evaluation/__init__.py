"""Evaluation: open a trained network, compare methods, metrics."""
