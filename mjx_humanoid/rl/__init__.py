"""Reinforcement learning on any batched environment. Imports no physics."""
