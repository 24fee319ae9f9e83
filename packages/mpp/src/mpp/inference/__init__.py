"""A trained MPP at work: rollouts and finetuning."""
