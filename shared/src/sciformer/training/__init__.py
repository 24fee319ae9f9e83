"""Everything that is Lightning: precision, optimizers, checkpoints, callbacks, strategies."""
