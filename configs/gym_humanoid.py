"""Gymnasium's Humanoid-v5, observing positions and velocities: walks or runs as fast as it can without a fall."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'gym_humanoid'
  config.task.robot = 'gym_humanoid'
  config.task.reward = 'gym'
  config.task.weights = {
    'progress': 0.0,
    'com_progress': 1.25,
    'healthy': 5.0,
    'effort': -0.272,  # 0.1 for each of 17 motors with controls of up to 0.4
    'impact': -5e-7,
  }
  config.task.observations = ('positions', 'velocities')
  config.task.termination = 'unhealthy'
  config.task.start = 'uniform_noise'
  config.task.start_strength = 1e-2
  config.task.context = ('last_position',)
  config.task.episode_length = 15.0  # 1000 control steps
  config.task.card = 'return'
  config.task.target_return = 6000.0
  config.num_envs = config.reference_envs = 64
  config.ppo.unroll_length = 64
  config.ppo.batch_size = 1024
  config.ppo.num_epochs = 4
  config.ppo.learning_rate = 1e-3
  config.ppo.gamma = 0.99
  config.ppo.gae_lambda = 0.95
  config.ppo.clip_epsilon = 0.2
  config.ppo.reward_scale = 0.1
  config.render_interval = 4_000_000
  config.total_timesteps = 10_000_000
  return config
