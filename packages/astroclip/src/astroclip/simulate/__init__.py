"""Simulated galaxies: pure functions of seed and block number."""
