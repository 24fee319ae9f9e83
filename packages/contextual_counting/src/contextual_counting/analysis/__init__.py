"""Circuit analysis: which counting algorithm a trained network uses."""
