"""Evaluation of a counting transformer: accuracy by region, and the oracle."""
