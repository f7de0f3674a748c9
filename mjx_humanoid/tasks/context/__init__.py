"""What a task asks of a robot from step to step: velocity command, station keeping, gait clock."""
