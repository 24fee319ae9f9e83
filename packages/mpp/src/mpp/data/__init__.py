"""Trajectories of fields: readers, writers, windows, mixtures of systems, batches."""
