"""Counting data: datamodule, curriculum, shards."""
