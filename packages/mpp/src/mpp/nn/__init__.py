"""Parts of the AViT: plain torch, channels last, any number of spatial axes."""
