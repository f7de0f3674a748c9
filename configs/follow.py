"""Follows velocity commands (forward, sideways, turning), a new one every few seconds; stands still at zero."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config

VARIANTS = {'gpu': '4,096 environments: few sequential steps, for a GPU'}


def get_config(variant: str = '') -> ConfigDict:
  config = default_config()
  config.name = 'follow'
  config.task.robot = 'humanoid_pd'
  config.task.reward = 'follow'
  config.task.card = 'follow'
  config.task.command.kind = 'sampled'
  config.task.command.interval = 2.5
  config.task.command.rest = 0.15
  config.task.station.gain = 2.0  # after a command to stop, the robot steps on until it has lost its momentum
  # A tenth beyond the range of the card: at the limits of its training commands the policy is less accurate.
  config.task.command.low, config.task.command.high = (-0.55, -0.44, -1.1), (1.6, 0.44, 1.1)
  # At first all commands are to walk ahead; the range of commands grows with the level of the curriculum.
  config.task.command.value = (0.8, 0.0, 0.0)
  config.curriculum = 'linear'
  config.task.observations = ('joint_positions', 'joint_velocities', 'heading_error', 'gait_phase', 'command')
  config.task.gait.frequency = 1.2
  config.task.gait.duty = 0.6
  config.task.termination = 'off_balance'
  config.task.episode_length = 7.5
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 control steps per second
  # A large learning rate and an averaged actor: more robust than a small learning rate, and as accurate.
  config.ppo.learning_rate = 1e-3
  config.ppo.ema_decay = 0.995
  config.network.initial_std = 0.2
  config.network.final_std = 0.1
  config.render_interval = 4_000_000  # two cores cannot also render a video every 500,000 steps
  config.total_timesteps = 16_000_000
  if variant == 'gpu':
    config.num_envs = config.reference_envs = 4096
    config.ppo.batch_size = 2048
    config.total_timesteps = 26_935_296
  return config
