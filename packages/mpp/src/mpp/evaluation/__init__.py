"""Evaluation of MPP: rollout errors, baselines, figures, movies."""
