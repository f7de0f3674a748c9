"""Every setting there is, with its default, meaning and range. Frozen inside, ConfigDict at the border.

`default_config()` gives the ConfigDict that files in configs/ edit and the command line overrides;
`resolve` checks it and returns the frozen `Config` that the rest of the program sees.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass, field
from typing import Any

from ml_collections import ConfigDict

from mjx_humanoid.errors import UserError, unknown

MOST_EPISODES = 2000  # of a report card, whose every step is kept until it is judged: about 1.4 GB for 20 s each
LONGEST = 1e6  # s, in which control steps can still be counted in 32 bits
ENGINES = ('auto', 'native', 'mjx', 'mjx-warp')
S = typing.TypeVar('S')
ACTIVATIONS = ('elu', 'relu', 'swish', 'tanh')


def setting(
  default: Any,
  help: str,
  *,
  low: float = -math.inf,
  high: float = math.inf,
  above: float = -math.inf,
  choices: tuple[str, ...] = (),
) -> Any:
  """A dataclass field that knows what it means and what it may be: low <= value <= high, value > above."""
  metadata = {'help': help, 'low': low, 'high': high, 'above': above, 'choices': choices}
  if isinstance(default, dict):
    return field(default_factory=lambda: dict(default), metadata=metadata)
  return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class TaskConfig:
  """What is to be learned."""

  robot: str = setting('humanoid', 'name of the robot')
  reward: str = setting('stand', 'name of the reward, or path/to/file.py:function')
  weights: dict[str, float] = setting({}, "weights of reward terms that differ from the reward's own, by term")
  observations: tuple[str, ...] = setting(
    ('joint_positions', 'joint_velocities'), 'names of what the policy sees, in order'
  )
  termination: str = setting('fallen', 'name of what ends an episode early')
  start: str = setting('standing', 'name of the distribution of start states')
  start_strength: float = setting(1.0, 'how strongly start states are perturbed', low=0)
  commands: str = setting('fixed', 'name of how commands are given')
  command: tuple[float, float, float] = setting(
    (0.0, 0.0, 0.0),
    'wanted forward, sideways [m/s] and turning [rad/s] velocity; where commands are sampled under a curriculum, these'
    ' part from it as the level rises',
  )
  command_low: tuple[float, float, float] = setting((-0.5, -0.4, -1.0), 'least of each, where commands are sampled')
  command_high: tuple[float, float, float] = setting((1.5, 0.4, 1.0), 'most of each')
  command_interval: float = setting(4.0, 'time between sampled commands [s]', above=0, high=LONGEST)
  command_rest: float = setting(0.1, 'share of sampled commands that are zero (at full level)', low=0, high=1)
  hold: float = setting(
    0.0,
    'station keeping under a zero command: gain from the distance to its place to the velocity commanded back [1/s],'
    ' at most 0.5 m/s (0 = none); while it is asked to move, its place is where it is',
    low=0,
  )
  hold_radius: float = setting(
    0.05,
    'distance at which station keeping sets in [m]; it ends 0.05 m off',
    low=0.05,
  )
  gait_frequency: float = setting(0.0, 'strides per second, of two steps each (0 = no gait is asked for)', low=0)
  gait_hurry: float = setting(
    0.0, 'largest relative increase of the stride frequency while station keeping corrects an offset', low=0
  )
  gait_duty: float = setting(0.6, 'share of a stride that each foot is on the floor', above=0, high=1)
  pushes: str = setting('none', 'name of the kind of pushes')
  push_force: tuple[float, float] = setting((0.0, 150.0), 'range of the force of a push [N]', low=0)
  push_duration: float = setting(0.2, 'of a push [s]', above=0, high=LONGEST)
  push_interval: float = setting(4.0, 'time from one push to the next [s]', above=0, high=LONGEST)
  randomization: dict[str, float] = setting({}, 'how strongly each property of the worlds varies, by name', low=0)
  episode_length: float = setting(10.0, 'time limit of a training episode [s]', above=0, high=LONGEST)
  frame_skip: int = setting(0, "physics steps per control step (0 = the robot's own)", low=0, high=100)
  card: str = setting('stand', 'name of the report card that judges the policy')


@dataclass(frozen=True)
class NetworkConfig:
  """Shape of the actor and the critic."""

  policy_layers: tuple[int, ...] = setting((128, 128), 'widths of the hidden layers of the actor', low=1)
  value_layers: tuple[int, ...] = setting((128, 128), 'widths of the hidden layers of the critic', low=1)
  activation: str = setting('elu', 'nonlinearity of the hidden layers', choices=ACTIVATIONS)
  shared: bool = setting(False, 'actor and critic share one trunk, of policy_layers')
  symmetric: bool = setting(
    True, 'left and right are treated alike, exactly: what is learned on one side holds on the other'
  )
  initial_std: float = setting(0.4, 'standard deviation of the first actions', above=0)
  final_std: float = setting(
    0.0, 'the same at the end, falling geometrically in between, whatever pays at the moment (0 = it is learned)', low=0
  )


@dataclass(frozen=True)
class PPOConfig:
  """Proximal policy optimisation (Schulman et al., 2017)."""

  unroll_length: int = setting(8, 'control steps of each world between updates', low=1)
  batch_size: int = setting(1024, 'transitions in a minibatch', low=1)
  num_epochs: int = setting(4, 'passes over the collected transitions', low=1)
  learning_rate: float = setting(1.5e-3, 'of Adam', above=0)
  lr_schedule: str = setting(
    'linear',
    'constant, linear (down to 10 %% at the end), or adaptive by KL',
    choices=('constant', 'linear', 'adaptive'),
  )
  target_kl: float = setting(0.01, 'KL divergence per update that the adaptive schedule aims at', above=0)
  gamma: float = setting(0.97, 'discount factor', low=0, high=1)
  gae_lambda: float = setting(0.9, 'of generalised advantage estimation', low=0, high=1)
  clip_epsilon: float = setting(0.3, 'of the clipped objective', above=0)
  entropy_coef: float = setting(0.0, 'weight of the entropy bonus', low=0)
  value_coef: float = setting(0.5, 'weight of the value loss', low=0)
  ema_decay: float = setting(
    0.0,
    'of an exponential moving average of the actor over updates, which is what is saved and judged (0 = none)',
    low=0,
    high=0.9999,
  )
  bound_coef: float = setting(
    0.0, 'weight of the squares by which mean actions exceed 1, where motors clip them and nothing is learned', low=0
  )
  imitation_coef: float = setting(
    0.0, 'weight of a behaviour-cloning loss towards the motion that the start has found (rising)', low=0
  )
  max_grad_norm: float = setting(1.0, 'gradients are scaled down to this global norm', above=0)
  normalize_observations: bool = setting(True, 'by a running mean and standard deviation')
  normalize_advantages: bool = setting(True, 'within each minibatch')


@dataclass(frozen=True)
class Config:
  """A whole training run."""

  name: str = setting('stand', 'of the run; its folder is <run_dir>/<name>')
  run_dir: str = setting('runs', 'folder that holds the runs')
  seed: int = setting(0, 'of everything random', low=0, high=2**31 - 1)
  engine: str = setting('auto', 'physics engine; auto picks the fastest here', choices=ENGINES)
  num_envs: int = setting(512, 'worlds stepped in parallel', low=1)
  num_threads: int = setting(0, 'threads of the native engine while it trains (0 = one per core)', low=0)
  total_timesteps: int = setting(1_000_000, 'environment steps of the whole run', low=1)
  algorithm: str = setting('ppo', 'learning algorithm')
  init_from: str = setting('', 'run, policy file or ready policy that training starts from (empty = from scratch)')
  curriculum: str = setting('none', 'name of how difficulty rises while training')
  restart_interval: int = setting(
    0,
    'environment steps after which training begins anew from the policy that it has come to, with a fresh critic,'
    ' optimiser, rate, exploration and curriculum (0 = never)',
    low=0,
  )
  log_interval: int = setting(1, 'updates between lines in the metrics files', low=1)
  checkpoint_interval: int = setting(500_000, 'environment steps between checkpoints (0 = only at the end)', low=0)
  keep_checkpoints: int = setting(3, 'how many of the latest checkpoints stay, beside the best', low=1)
  render_interval: int = setting(500_000, 'environment steps between videos (0 = no videos)', low=0)
  framerate: int = setting(30, 'of videos [frames/s]', low=1, high=240)
  evaluation_interval: int = setting(0, 'environment steps between report cards (0 = only at the end)', low=0)
  evaluation_episodes: int = setting(100, 'episodes of a report card', low=1, high=MOST_EPISODES)
  stop_when_passed: bool = setting(False, 'end at the first report card that passes')
  task: TaskConfig = field(default_factory=TaskConfig)
  network: NetworkConfig = field(default_factory=NetworkConfig)
  ppo: PPOConfig = field(default_factory=PPOConfig)

  @property
  def schedule_timesteps(self) -> int:
    """Environment steps that schedules and curricula reach over: all, or those from one restart to the next."""
    return min(self.restart_interval or self.total_timesteps, self.total_timesteps)


def default_config() -> ConfigDict:
  """A fresh ConfigDict with every default; adding keys to it is refused."""
  config = ConfigDict(_as_dict(Config()), type_safe=False).lock()
  config.task.weights.unlock()  # its keys are the names of reward terms
  config.task.randomization.unlock()  # and here of properties
  return config


def _as_dict(section: Any) -> dict[str, Any]:
  return {
    f.name: _as_dict(v) if dataclasses.is_dataclass(v := getattr(section, f.name)) else v
    for f in dataclasses.fields(section)
  }


def to_dict(config: Config) -> dict[str, Any]:
  """The whole config as nested dicts of JSON's own types."""
  return _as_dict(config)


def resolve(config: ConfigDict | dict[str, Any]) -> Config:
  """Checks every key, type and range. Mutates nothing.

  Raises:
    UserError: one line that names the key and what it may be.
  """
  values = config.to_dict() if isinstance(config, ConfigDict) else config
  resolved: Config = _section(Config, values, 'config')
  if not resolved.task.observations:
    raise UserError('config.task.observations is empty: a policy must see something, such as joint_positions.')
  if resolved.algorithm == 'ppo':
    check_minibatches(resolved)
  return resolved


def restore(section: type[S], values: dict[str, Any], path: str) -> S:
  """A section of settings from its dict, checked like `resolve` does. Raises UserError."""
  result: S = _section(section, values, path)
  return result


def check_minibatches(config: Config) -> None:
  """Raises UserError where the collected transitions do not divide into whole minibatches."""
  collected = config.num_envs * config.ppo.unroll_length
  if collected % config.ppo.batch_size:
    small = [n for n in range(1, math.isqrt(collected) + 1) if collected % n == 0]
    close = min([*small, *(collected // n for n in small)], key=lambda n: (abs(n - config.ppo.batch_size), n))
    raise UserError(
      f'config.num_envs={config.num_envs} x config.ppo.unroll_length={config.ppo.unroll_length} = {collected}'
      f' transitions do not divide into minibatches of config.ppo.batch_size={config.ppo.batch_size};'
      f' the closest size that fits is {close}.'
    )


def settings(section: type = Config, prefix: str = 'config') -> dict[str, tuple[Any, dataclasses.Field[Any]]]:
  """Every setting by its dotted name: (type, dataclass field), in order."""
  found: dict[str, tuple[Any, dataclasses.Field[Any]]] = {}
  hints = typing.get_type_hints(section)
  for f in dataclasses.fields(section):
    if dataclasses.is_dataclass(hints[f.name]):
      found |= settings(hints[f.name], f'{prefix}.{f.name}')
    else:
      found[f'{prefix}.{f.name}'] = (hints[f.name], f)
  return found


def _section(section: Any, values: Any, path: str) -> Any:
  if not isinstance(values, dict):
    raise UserError(f'{path} is a section of settings, not {values!r}.')
  hints = typing.get_type_hints(section)
  fields = {f.name: f for f in dataclasses.fields(section)}
  for key in values:
    if key not in fields:
      raise unknown(f'key in {path}', key, fields)
  checked = {}
  for key, value in values.items():
    hint = hints[key]
    name = f'{path}.{key}'
    checked[key] = (
      _section(hint, value, name) if dataclasses.is_dataclass(hint) else _check(fields[key], hint, value, name)
    )
  return section(**checked)


def _check(f: dataclasses.Field[Any], hint: Any, value: Any, name: str) -> Any:
  value = convert(hint, value, name)
  limits = f.metadata
  if limits['choices'] and value not in limits['choices']:
    raise unknown(f'value for {name}:', value, limits['choices'])
  numbers = list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, tuple) else [value]
  for number in numbers:
    if isinstance(number, str):
      continue
    if not math.isfinite(number) or not limits['low'] <= number <= limits['high'] or number <= limits['above']:
      bounds = [f'at least {limits["low"]}'] * (limits['low'] > -math.inf)
      bounds += [f'at most {limits["high"]}'] * (limits['high'] < math.inf)
      bounds += [f'more than {limits["above"]}'] * (limits['above'] > -math.inf)
      raise UserError(f'{name}={number} is out of range: it must be {" and ".join(bounds) or "finite"}.')
  return value


def convert(hint: Any, value: Any, name: str) -> Any:
  """`value` as the type `hint`, where nothing is lost by it. Raises UserError otherwise."""
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  wrong = UserError(f'{name} must be {type_name(hint)}, not {value!r}.')
  if origin is tuple:
    if isinstance(value, str) or not isinstance(value, list | tuple):
      raise wrong
    if args[-1] is not Ellipsis and len(value) != len(args):
      raise wrong
    return tuple(convert(args[0], v, name) for v in value)
  if origin is dict:
    if not isinstance(value, dict):
      raise wrong
    return {convert(args[0], k, name): convert(args[1], v, name) for k, v in value.items()}
  if isinstance(hint, types.GenericAlias):
    raise TypeError(f'no conversion to {hint}')
  if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
    return float(value)
  if hint is int and isinstance(value, float) and value.is_integer():
    return int(value)
  if type(value) is not hint:
    raise wrong
  return value


def type_name(hint: Any) -> str:
  """How a person would call a setting's type."""
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  if origin is tuple:
    count = 'a list' if args[-1] is Ellipsis else f'{len(args)}'
    return f'{count} of {args[0].__name__} values'
  if origin is dict:
    return 'a dictionary of numbers'
  return {int: 'a whole number', float: 'a number', str: 'a word', bool: 'True or False'}[hint]
