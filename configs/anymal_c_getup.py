"""ANYmal C gets up from the floor, in whatever pose it lies, and stands."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'anymal_c_getup'
  config.task.robot = 'anymal_c'
  config.task.reward = 'getup'
  # The trunk of a quadruped is level while it stands: `turning_over`, for upright trunks, means nothing here.
  config.task.weights = {'turning_over': 0.0, 'righted': 0.3}
  config.task.card = 'getup'
  config.task.start = 'fallen'
  config.task.termination = 'never'
  config.task.episode_length = 5.0
  config.network.initial_std = 0.3
  config.network.final_std = 0.12
  config.ppo.gamma = 0.985
  config.ppo.gae_lambda = 0.95
  config.total_timesteps = 6_000_000
  return config
