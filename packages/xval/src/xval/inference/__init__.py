"""Inference with a trained xVal: fill masked numbers."""
