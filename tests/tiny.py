"""The settings of the small run that many tests share."""

# 16 worlds x 4 steps = 64 environment steps an iteration, 4 iterations, a checkpoint in the middle.
TINY = {
  'num_envs': 16,
  'engine': 'native',
  'num_threads': 2,
  'total_timesteps': 256,
  'checkpoint_interval': 128,
  'render_interval': 0,
  'evaluation_episodes': 2,
  'task.episode_length': 0.2,  # 8 control steps: worlds start anew within the run
  'task.push.kind': 'none',  # whose first push would come after that
  'ppo.unroll_length': 4,
  'ppo.ema_decay': 0.0,
  'ppo.batch_size': 32,
  'network.policy_layers': (16,),
  'network.value_layers': (16,),
}


def as_arguments(settings):
  """Settings as the command line takes them."""
  return [f'--config.{name}={value}' for name, value in settings.items()]
