"""Shards: samples in tar files (WebDataset) with an index."""
