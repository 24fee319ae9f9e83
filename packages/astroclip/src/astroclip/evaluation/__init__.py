"""Evaluation of AstroCLIP: retrieval, redshift and galaxy properties, baselines."""
