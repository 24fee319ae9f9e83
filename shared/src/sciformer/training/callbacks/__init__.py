"""Callbacks of the Lightning trainer."""
