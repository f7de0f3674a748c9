"""The whole config: a frozen dataclass inside the package, a ConfigDict for users.

`default_config()` gives the ConfigDict that files in configs/ edit and the command line overrides;
`resolve` checks it and returns the frozen `Config` that the rest of the package uses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_collections import ConfigDict

from mjx_humanoid.core.config import settings as machinery
from mjx_humanoid.core.config.a2c import A2CConfig
from mjx_humanoid.core.config.amp import AMPConfig
from mjx_humanoid.core.config.network import NetworkConfig
from mjx_humanoid.core.config.physics import PhysicsConfig
from mjx_humanoid.core.config.ppo import PPOConfig
from mjx_humanoid.core.config.sac import SACConfig
from mjx_humanoid.core.config.settings import setting
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError

FORMAT = 2  # of config.json and of the task in a policy file; see migration.py for older ones
MOST_EPISODES = 2000  # of a report card, which keeps all steps in memory: about 1.4 GB for 20 s each
AUTO = -1  # num_envs before it is measured
ENGINES = ('auto', 'native', 'mjx', 'mjx-warp')


@dataclass(frozen=True)
class Config:
  """A whole training run."""

  name: str = setting('stand', 'name of the run; its folder is <run_dir>/<name>')
  run_dir: str = setting('runs', 'folder that holds the runs')
  seed: int = setting(0, 'random seed of the whole run', low=0, high=2**31 - 1)
  engine: str = setting('auto', 'physics engine; auto picks the fastest for this machine', choices=ENGINES)
  num_envs: int = setting(
    512, 'environments stepped in parallel, or auto: as many as pay on this machine', low=1, words={'auto': AUTO}
  )
  reference_envs: int = setting(
    512, 'environments that minibatches and total_timesteps are meant for; num_envs=auto scales them from there', low=1
  )
  devices: int = setting(
    0, 'accelerators that the environments are split over; 0 = all that num_envs can be split evenly over', low=0
  )
  num_threads: int = setting(0, 'threads of the native engine in training (0 = one per core)', low=0)
  total_timesteps: int = setting(1_000_000, 'environment steps of the whole run', low=1)
  algorithm: str = setting('ppo', 'learning algorithm: a name, or path/to/file.py', own='algorithm')
  init_from: str = setting('', 'run, policy file or pretrained policy that training starts from (empty = from scratch)')
  curriculum: str = setting(
    'none', 'curriculum: name of a schedule of difficulty, or path/to/file.py:function', own='curriculum'
  )
  restart_interval: int = setting(
    0,
    'environment steps after which training restarts from its own policy, with a fresh critic, optimiser, learning'
    ' rate, exploration noise and curriculum (0 = never)',
    low=0,
  )
  log_interval: int = setting(1, 'updates between lines in the metrics files', low=1)
  checkpoint_interval: int = setting(
    500_000, 'environment steps between checkpoints (0 = no checkpoints by steps)', low=0
  )
  checkpoint_seconds: float = setting(120.0, 'longest time between checkpoints [s] (0 = no checkpoints by time)', low=0)
  keep_checkpoints: int = setting(3, 'number of latest checkpoints to keep, in addition to the best one', low=1)
  render_interval: int = setting(500_000, 'environment steps between videos (0 = no videos)', low=0)
  framerate: int = setting(30, 'frame rate of videos [frames/s]', low=1, high=240)
  evaluation_interval: int = setting(0, 'environment steps between report cards (0 = only at the end)', low=0)
  evaluation_episodes: int = setting(100, 'episodes of a report card', low=1, high=MOST_EPISODES)
  stop_when_passed: bool = setting(False, 'end training at the first report card that passes')
  task: TaskConfig = field(default_factory=TaskConfig)
  physics: PhysicsConfig = field(default_factory=PhysicsConfig)
  network: NetworkConfig = field(default_factory=NetworkConfig)
  ppo: PPOConfig = field(default_factory=PPOConfig)
  a2c: A2CConfig = field(default_factory=A2CConfig)
  sac: SACConfig = field(default_factory=SACConfig)
  amp: AMPConfig = field(default_factory=AMPConfig)
  custom: dict[str, Any] = setting({}, "settings of a user's own algorithm, by name")

  @property
  def schedule_timesteps(self) -> int:
    """Duration of schedules and curricula in environment steps: the whole run, or from one restart to the next."""
    return min(self.restart_interval or self.total_timesteps, self.total_timesteps)


def default_config() -> ConfigDict:
  """A new ConfigDict with every default; unknown keys cannot be added."""
  config = as_config_dict(to_dict(Config())).lock()
  for name, (hint, _) in settings().items():
    if machinery.entry_type(hint) is not None:  # its keys are names, such as those of reward terms
      table = config
      for part in name.split('.')[1:]:
        table = table[part]
      table.unlock()
  return config


class _Section(ConfigDict):  # type: ignore[misc, unused-ignore]  # ml_collections is untyped
  """Accepts any key, also in dicts that are assigned to it: a user's own reward term is 'path/to/file.py:name'."""

  def __setitem__(self, key: str, value: Any) -> None:
    super().__setitem__(key, as_config_dict(value) if isinstance(value, dict) else value)


def as_config_dict(values: Mapping[str, Any]) -> ConfigDict:
  """Nested dicts as a ConfigDict. Keys may contain dots."""
  section = _Section(type_safe=False, allow_dotted_keys=True)
  for key, value in values.items():
    section[key] = value
  return section


def to_dict(config: Config) -> dict[str, Any]:
  """The whole config as nested dicts of JSON types."""
  return machinery.to_dict(config)


def resolve(config: ConfigDict | dict[str, Any]) -> Config:
  """Checks every key, type and range. Mutates nothing.

  Raises:
    UserError: one line that names the key and its valid values.
  """
  values = config.to_dict() if isinstance(config, ConfigDict) else config
  resolved = machinery.restore(Config, values, 'config')
  if not resolved.task.observations:
    raise UserError('config.task.observations is empty: a policy must observe something, such as joint_positions.')
  return resolved


def settings() -> dict[str, tuple[Any, dataclasses.Field[Any]]]:
  """Every setting by its dotted name: (type, dataclass field), in order."""
  return machinery.settings(Config, 'config')
