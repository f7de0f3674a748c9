"""Training runs: the training loop, checkpoints, logs, report cards."""
