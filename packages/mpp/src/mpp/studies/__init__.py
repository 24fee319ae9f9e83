"""Studies of the paper: joint pretraining, transfer."""
