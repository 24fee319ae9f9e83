"""A trained AstroCLIP at work: embeddings and similarity search."""
