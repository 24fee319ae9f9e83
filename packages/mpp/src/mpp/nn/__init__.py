"""The parts of the AViT: plain torch, channels last, any number of axes of space."""
