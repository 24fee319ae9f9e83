"""Training on several processes: DDP, FSDP, agreement between ranks."""
