"""Conversion of original MPP weights to our format."""
