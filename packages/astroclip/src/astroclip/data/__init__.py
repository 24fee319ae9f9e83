"""Readers of images and spectra, batches and loaders."""
