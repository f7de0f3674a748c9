"""Stands still, upright and economical at full height."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'stand'
  config.task.reward = 'stand'
  config.task.card = 'stand'
  return config
