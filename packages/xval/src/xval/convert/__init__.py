"""Conversion of original xVal weights to our format."""
