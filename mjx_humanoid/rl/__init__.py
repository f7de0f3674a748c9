"""Reinforcement learning on any batched environment. Knows no physics."""
