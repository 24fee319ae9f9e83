"""Transformer building blocks in plain torch: no trainer, no rank, no file."""
