"""Galaxies that never were: pure functions of seed and number of a galaxy."""
