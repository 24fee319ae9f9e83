"""Studies of the paper: position encodings, training ranges."""
