"""Gymnasium's Humanoid-v5 like gym_humanoid, learned by SAC in fewer environment steps."""

from gym_humanoid import get_config as with_ppo
from ml_collections import ConfigDict


def get_config() -> ConfigDict:
  config = with_ppo()
  config.name = 'gym_humanoid_sac'
  config.algorithm = 'sac'
  config.num_envs = config.reference_envs = 16
  config.network.policy_layers = (256, 256)
  config.network.activation = 'relu'
  config.network.final_std = 0.0  # the noise of SAC follows from its temperature
  config.sac.gamma = 0.99
  config.sac.updates_per_step = 0.125
  config.render_interval = 500_000
  config.total_timesteps = 1_000_000
  return config
