"""Studies of the paper: comparison of number encodings."""
