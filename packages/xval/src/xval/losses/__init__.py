"""Losses of xVal beside those of torch: quantiles."""
