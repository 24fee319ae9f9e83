"""Weights of the original AstroCLIP as ours."""
