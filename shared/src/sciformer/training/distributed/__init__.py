"""Distributed training: DDP, FSDP, communication between ranks."""
