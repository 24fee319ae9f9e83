"""Conversion of original AstroCLIP weights to our format."""
