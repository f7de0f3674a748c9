"""Playback of trained policies in C MuJoCo: only NumPy and mujoco, no JAX."""
