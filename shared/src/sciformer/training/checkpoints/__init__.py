"""Checkpoints: reading, writing and checks; safetensors; original weights."""
