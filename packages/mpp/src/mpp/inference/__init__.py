"""Inference with a trained MPP: rollouts; and finetuning."""
