"""Simulator of the contextual counting task."""
