"""Stands under pushes, with randomised mass, friction and motors; steps to recover its balance."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config

VARIANTS = {'gpu': '4,096 environments: few sequential steps, for a GPU'}


def get_config(variant: str = '') -> ConfigDict:
  config = default_config()
  config.name = 'stand_robust'
  # A policy that walks in all directions can recover its balance by a step. The command is zero, so that station
  # keeping commands it back to its target position.
  config.init_from = 'follow'
  config.task.robot = 'humanoid_pd'
  config.task.reward = 'follow'
  config.task.card = 'stand_robust'
  config.task.weights = {'velocity': 0.45, 'heading': 0.15, 'gait': 0.12, 'arms': 0.1, 'position': 0.45, 'height': 0.45}
  config.task.station.gain = 2.0
  config.task.observations = ('joint_positions', 'joint_velocities', 'heading_error', 'gait_phase', 'command')
  # Faster strides than in walking: a falling body accelerates, so a sooner touchdown recovers it in less distance.
  config.task.gait.frequency = 1.5
  config.task.gait.speedup = 0.5  # the foot in swing during a push may be the wrong one for recovery
  config.task.push.kind = 'force'
  # Pushes grow from weak to full strength in the first half of training; there are no weak ones after that.
  config.task.push.force = (130.0, 180.0)
  config.curriculum = 'linear'
  config.task.push.interval = 2.2  # 3.3 strides, so that pushes come at different phases of the stride
  config.task.randomization = {'mass': 0.12, 'friction': 0.36, 'motor_strength': 0.12}
  config.task.termination = 'off_balance'
  config.task.episode_length = 10.0
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 control steps per second
  learning(config)
  if variant == 'gpu':
    config.num_envs = config.reference_envs = 4096
    config.ppo.batch_size = 8192
    config.total_timesteps = 16_908_288
  return config


def learning(config: ConfigDict) -> None:
  """Sets how the policy is trained."""
  # Four times the usual batch: noisier updates made a good policy worse.
  config.ppo.unroll_length = 32
  config.ppo.batch_size = 4096
  config.ppo.learning_rate = 6e-4
  config.ppo.gamma = 0.98
  config.ppo.gae_lambda = 0.95
  config.ppo.ema_decay = 0.99
  config.network.initial_std = 0.16
  config.network.final_std = 0.09
  config.render_interval = 4_000_000  # two cores cannot also render a video every 500,000 steps
  config.total_timesteps = 10_000_000
