"""Readers of PDEBench and The Well."""
