"""Sequences of zeros, ones and delimiters."""
