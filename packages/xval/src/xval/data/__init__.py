"""Simulated sets and files of texts, their splits and loaders."""
