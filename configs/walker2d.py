"""Gymnasium's Walker2d-v5: walks or runs as fast as it can without a fall."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'walker2d'
  config.task.robot = 'walker2d'
  config.task.reward = 'gym'
  config.task.weights = {'progress': 1.0, 'healthy': 1.0, 'effort': -0.006}  # 0.001 for each of 6 motors
  config.task.observations = ('positions', 'bounded_velocities')
  config.task.termination = 'unhealthy'
  config.task.start = 'uniform_noise'
  config.task.start_strength = 5e-3
  config.task.context = ('last_position',)
  config.task.episode_length = 8.0  # 1000 control steps
  config.task.card = 'return'
  config.task.target_return = 4500.0
  config.network.symmetric = False  # in a plane there is no other side
  config.num_envs = config.reference_envs = 256
  config.ppo.unroll_length = 16
  config.ppo.batch_size = 512
  config.ppo.num_epochs = 5
  config.ppo.learning_rate = 1e-3
  config.ppo.gamma = 0.99
  config.ppo.gae_lambda = 0.95
  config.ppo.reward_scale = 0.05
  config.ppo.bound_coef = 0.02
  config.ppo.ema_decay = 0.98  # without the average, it fell in most episodes, and one seed of two reached 4,256
  # Exploration noise on a schedule, as for the half-cheetah.
  config.network.initial_std = 0.5
  config.network.final_std = 0.2
  config.render_interval = 1_000_000
  config.total_timesteps = 4_000_000
  return config
