"""Encoders of images and spectra, plain torch."""
