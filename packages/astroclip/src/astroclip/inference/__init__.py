"""Inference with a trained AstroCLIP: embeddings and similarity search."""
