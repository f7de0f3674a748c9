"""Gets up from any lying pose and stands."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config

VARIANTS = {'gpu': '4,096 environments: few sequential steps, for a GPU'}


def get_config(variant: str = '') -> ConfigDict:
  config = default_config()
  config.name = 'getup'
  # A policy that can step recovers its balance after rising; trained from scratch, the robot rose and fell again.
  config.init_from = 'follow'
  config.task.robot = 'humanoid_pd'
  config.task.reward = 'getup'
  config.task.card = 'getup'
  config.task.termination = 'overdue'
  # Reverse curriculum: episodes start on the feet, then, as they succeed, further down a motion that a search finds.
  config.task.start = 'rising'
  config.curriculum = 'survival'
  config.task.station.gain = 2.0
  config.task.station.radius = 0.15
  config.task.observations = (
    'joint_positions',
    'joint_velocities',
    'heading_error',
    'gait_phase',
    'command',
    'posture',
  )
  config.task.gait.frequency = 1.2
  config.task.episode_length = 3.2
  config.task.frame_skip = 4  # 50 control steps per second
  learning(config)
  if variant == 'gpu':
    config.num_envs = config.reference_envs = 4096
    config.ppo.batch_size = 8192
    config.total_timesteps = 16_908_288
  return config


def learning(config: ConfigDict) -> None:
  """Sets how the policy is trained."""
  config.ppo.unroll_length = 32
  config.ppo.batch_size = 4096
  config.ppo.learning_rate = 7e-4
  config.ppo.gamma = 0.985
  config.ppo.gae_lambda = 0.95
  config.ppo.ema_decay = 0.98
  config.ppo.bound_coef = 0.05
  # Without imitation, training stayed at the push-off of the leap for millions of steps.
  config.ppo.imitation_coef = 0.3
  config.network.initial_std = 0.2
  config.network.final_std = 0.1
  config.render_interval = 4_000_000  # two cores cannot also render a video every 500,000 steps
  config.total_timesteps = 10_000_000
