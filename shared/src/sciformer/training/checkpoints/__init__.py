"""Checkpoints: read, written and checked; safetensors and the originals' files."""
