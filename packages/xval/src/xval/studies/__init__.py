"""Studies of the paper: number encodings compared."""
