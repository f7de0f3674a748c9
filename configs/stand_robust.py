"""Stands, whoever pushes, in worlds that differ in mass, friction and motors; steps where it must."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'stand_robust'
  # Who can walk any way can also catch itself by a step: it learns to follow commands, and to stay where it is.
  config.task.reward = 'follow'
  config.task.card = 'stand_robust'
  config.task.weights = {'gait': 0.0, 'catching_steps': 0.2, 'place': 0.1}
  config.task.commands = 'sampled'
  config.task.command = (0.8, 0.0, 0.0)
  config.task.command_interval = 2.5
  config.task.command_rest = 0.5
  config.task.observations = (
    'joint_positions', 'joint_velocities', 'heading_error', 'place_error', 'gait_clock', 'command'
  )  # fmt: skip
  config.task.gait_frequency = 1.1
  config.task.pushes = 'force'
  config.task.push_force = (0.0, 180.0)
  config.task.push_interval = 2.0
  config.task.randomization = {'mass': 0.12, 'friction': 0.36, 'motor_strength': 0.12}
  config.task.termination = 'off_balance'
  config.task.episode_length = 7.5
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 decisions a second
  config.curriculum = 'linear'
  config.network.initial_std = 0.35
  config.network.final_std = 0.12
  config.total_timesteps = 8_000_000
  return config
