"""Pictures and videos of trajectories, on CPU MuJoCo."""
