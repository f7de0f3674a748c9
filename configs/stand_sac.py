"""Stands still and upright like stand, learned by SAC in fewer environment steps."""

from ml_collections import ConfigDict

from mjx_humanoid.config import default_config


def get_config() -> ConfigDict:
  config = default_config()
  config.name = 'stand_sac'
  config.algorithm = 'sac'
  # The task of configs/stand.py, without its pushes.
  config.task.reward = 'stand'
  config.task.card = 'stand'
  config.task.weights = {'joint_limits': -0.01}
  config.task.termination = 'off_balance'
  config.task.episode_length = 3.0
  config.task.start_strength = 2.0
  config.task.frame_skip = 4  # 50 control steps per second
  config.num_envs = config.reference_envs = 32
  # Small critics and one update for eight environment steps: what two cores can afford.
  config.sac.critic_width = 64
  config.sac.critic_expansion = 2
  config.sac.updates_per_step = 0.125
  config.sac.gamma = 0.96
  config.sac.ema_decay = 0.999  # without it, 84 of 100 episodes passed once, and none later
  config.sac.replay_size = 400_000
  config.sac.warmup_steps = 5_000
  config.evaluation_interval = 25_000
  config.stop_when_passed = True
  config.total_timesteps = 400_000
  return config
