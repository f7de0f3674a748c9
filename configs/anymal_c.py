"""ANYmal C trots as commanded: forward, sideways and turning, a new command every few seconds."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'anymal_c'
  config.task.robot = 'anymal_c'
  config.task.reward = 'follow'
  config.task.weights = {'arms': 0.0, 'posture': 0.05}
  config.task.card = 'follow_wide'
  config.task.command.kind = 'sampled'
  config.task.command.interval = 2.5
  config.task.command.rest = 0.15
  config.task.command.low, config.task.command.high = (-1.1, -0.55, -1.1), (1.6, 0.55, 1.1)
  # At first all commands are to trot ahead; the range of commands grows with the level of the curriculum.
  config.task.command.value = (0.6, 0.0, 0.0)
  config.curriculum = 'linear'
  config.task.observations = ('joint_positions', 'joint_velocities', 'heading_error', 'gait_phase', 'command')
  config.task.gait.frequency = 1.8
  config.task.gait.duty = 0.55
  config.task.gait.step_height = 0.12  # of the reference gait: the body sinks while two legs carry it
  config.task.termination = 'fallen'
  config.task.episode_length = 7.5
  config.task.start_strength = 2.0
  config.ppo.learning_rate = 1e-3
  config.ppo.ema_decay = 0.995
  config.network.initial_std = 0.25
  config.network.final_std = 0.12
  config.render_interval = 4_000_000  # two cores cannot also render a video every 500,000 steps
  config.total_timesteps = 4_000_000
  return config
