"""Follows commands: forward, sideways and turning velocity, new ones every few seconds; stands still at zero."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'follow'
  config.task.robot = 'humanoid_pd'
  config.task.reward = 'follow'
  config.task.card = 'follow'
  config.task.command.kind = 'sampled'
  config.task.command.interval = 2.5
  config.task.command.rest = 0.15
  config.task.station.gain = 2.0  # who is told to stop steps on until its momentum is spent
  # A tenth more than the card asks for: at the edge of what it has seen, a policy lags.
  config.task.command.low, config.task.command.high = (-0.55, -0.44, -1.1), (1.6, 0.44, 1.1)
  # At first all walk ahead; then their commands part, ever further.
  config.task.command.value = (0.8, 0.0, 0.0)
  config.curriculum = 'linear'
  config.task.observations = ('joint_positions', 'joint_velocities', 'heading_error', 'gait_phase', 'command')
  config.task.gait.frequency = 1.2
  config.task.gait.duty = 0.6
  config.task.termination = 'off_balance'
  config.task.episode_length = 7.5
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 decisions a second
  # Large steps, played as their average: sturdier than small ones, and as accurate.
  config.ppo.learning_rate = 1e-3
  config.ppo.ema_decay = 0.995
  config.network.initial_std = 0.2
  config.network.final_std = 0.1
  config.render_interval = 4_000_000  # two cores that train do not keep up with one every 500,000 steps
  config.total_timesteps = 16_000_000
  return config
