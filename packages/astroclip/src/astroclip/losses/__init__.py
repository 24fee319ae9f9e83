"""Training objectives: contrastive (CLIP), self-distillation (DINOv2), masked spectra."""
