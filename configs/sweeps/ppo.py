"""What matters in PPO: learning rate, batches, discounting, clipping, noise and networks."""

from typing import Any


def get_space() -> dict[str, dict[str, Any]]:
  return {
    'config.ppo.learning_rate': {'kind': 'float', 'low': 1e-4, 'high': 1e-2, 'log': True},
    'config.ppo.unroll_length': {'kind': 'choice', 'values': [4, 8, 16]},
    'config.ppo.batch_size': {'kind': 'choice', 'values': [512, 1024, 2048]},
    'config.ppo.num_epochs': {'kind': 'int', 'low': 1, 'high': 8},
    'config.ppo.gamma': {'kind': 'choice', 'values': [0.94, 0.96, 0.98, 0.99]},
    'config.ppo.gae_lambda': {'kind': 'float', 'low': 0.8, 'high': 0.98},
    'config.ppo.clip_epsilon': {'kind': 'float', 'low': 0.1, 'high': 0.5},
    'config.ppo.entropy_coef': {'kind': 'choice', 'values': [0.0, 0.001, 0.01]},
    'config.network.initial_std': {'kind': 'float', 'low': 0.1, 'high': 1.0, 'log': True},
    'config.network.policy_layers': {'kind': 'choice', 'values': [(64, 64), (128, 128), (256, 256)]},
  }
