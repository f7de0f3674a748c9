"""Trained policies in plain C MuJoCo: NumPy and mujoco only, no JAX."""
