"""Evaluation of xVal: errors of predicted numbers, baselines, figures."""
