"""Gets onto its feet from any pose and walks forward at 1 m/s."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'walk_any_pose'
  # A policy that gets up from the floor: most poses end there before the robot can take a step.
  config.init_from = 'getup'
  config.task.robot = 'humanoid_pd'
  # The terms of `getup`, but for `poise`, with those of walking, so that it keeps getting up. With the reward `walk`
  # and starts that became harder little by little, it forgot that: 20 of 100 episodes passed.
  config.task.reward = 'getup'
  config.task.weights = {
    'poise': 0.0,
    'balanced_rise': 0.05,  # with 0.1, rise_on_feet 0.2 and velocity 0.35 it walked at 0.3 m/s
    'rise_on_feet': 0.05,
    'velocity': 0.55,
    'heading': 0.06,
    'gait': 0.12,
    'clearance': 0.03,
    'arms': 0.05,
    'slip': -0.03,
  }
  config.task.card = 'walk_any_pose'
  config.task.command.value = (1.0, 0.0, 0.0)
  # Random poses, half of them as far from standing as they can be. A library of poses of your own:
  # --config.task.start=poses.npz
  config.task.start = 'any_pose'
  config.task.start_strength = 2.0
  config.task.termination = 'overdue'
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
  config.total_timesteps = 6_000_000
