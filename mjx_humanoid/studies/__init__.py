"""Studies of many trainings: comparisons of configs over seeds, and sweeps of settings."""
