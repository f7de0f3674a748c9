"""Running a training: the loop, its checkpoints, its logs."""
