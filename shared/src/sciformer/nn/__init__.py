"""Plain torch building blocks: they know no trainer, no rank, no file."""
