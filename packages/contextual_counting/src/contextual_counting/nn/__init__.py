"""Counting transformer and its parts, in plain torch."""
