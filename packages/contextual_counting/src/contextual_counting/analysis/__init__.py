"""Circuit analysis: which algorithm a trained network counts with."""
