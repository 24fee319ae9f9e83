"""Seeded loaders, splits by sample id, WebDataset shards."""
