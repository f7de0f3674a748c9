"""Gets onto its feet from any pose and walks forward at 1 m/s."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'walk_any_pose'
  # A policy that gets up from the floor: most poses end there before the robot can take a step.
  config.init_from = 'getup'
  config.task.robot = 'humanoid_pd'
  config.task.reward = 'walk'
  config.task.card = 'walk_any_pose'
  config.task.command.value = (1.0, 0.0, 0.0)
  # Random poses, at first near standing; a library of poses of your own: --config.task.start=poses.npz
  config.task.start = 'any_pose'
  config.curriculum = 'linear'
  config.task.termination = 'overdue'
  # The terms of `walk`, and those of `getup` that bring the robot onto its feet.
  config.task.weights = {
    'rise': 0.08,
    'balanced_rise': 0.1,
    'rise_on_feet': 0.12,
    'turning_over': 0.3,
    'alive': 0.0,
    'height': 0.05,
    'velocity': 0.33,
    'cross_track': 0.0,
    'energy': -0.03,
  }
  config.task.observations = (
    'joint_positions',
    'joint_velocities',
    'heading_error',
    'gait_phase',
    'command',
    'posture',
  )
  config.task.gait.frequency = 1.2
  config.task.episode_length = 6.0
  config.task.frame_skip = 4  # 50 control steps per second
  learning(config)
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
  config.network.initial_std = 0.2
  config.network.final_std = 0.1
  config.render_interval = 4_000_000  # two cores cannot also render a video every 500,000 steps
  config.total_timesteps = 12_000_000
