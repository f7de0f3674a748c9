"""The interface of learning algorithms, and the choice of one by name or file."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

from mjx_humanoid.core import user_objects
from mjx_humanoid.core.config.schema import Config
from mjx_humanoid.core.config.settings import restore
from mjx_humanoid.core.errors import UserError, unknown
from mjx_humanoid.core.network import Actor, Mirror
from mjx_humanoid.core.registry import first_line
from mjx_humanoid.core.types import Array, Demonstrations, Key, Transition

L = TypeVar('L')
Metrics = dict[str, Array]
# Entries of Transition.extras for algorithms that need them: features [T, B, F] of the motion before and after a step.
MOTION, NEXT_MOTION = 'motion', 'next_motion'


def no_demonstrations() -> Demonstrations:
  """Default for environments without demonstrations. Raises UserError."""
  raise UserError('this environment has no demonstrations to imitate.')


def no_style() -> Array:
  """Default for environments without clips. Raises UserError."""
  raise UserError('config.algorithm: this environment has no clip to take a style from; choose another algorithm.')


class Spec(NamedTuple):
  """What an algorithm needs to know about an environment."""

  observation_size: int
  action_size: int
  mirror: Callable[[], Mirror | None]  # called only by an algorithm that needs it; None: the robot has no symmetry
  demonstrations: Callable[[], Demonstrations] = no_demonstrations  # the same
  style: Callable[[], Array] = no_style  # the same: features [N, 2, F] of a clip at successive control steps


class Algorithm(Protocol[L]):
  """Learns from transitions. A learner L is one pytree: the whole state of the algorithm.

  A class that is derived from this one inherits `kept`, `restored`, `apart` and `rejoined`.
  """

  @property
  def unroll_length(self) -> int:
    """Control steps of each environment between updates."""
    ...

  def init(self, key: Key) -> L:
    """A new learner. Consumes the key, as all methods here do."""
    ...

  def act(self, learner: L, obs: Array, key: Key) -> tuple[Array, dict[str, Array]]:
    """Actions [B, A] with exploration noise for observations [B, O], and extras [B, ...] that `update` needs."""
    ...

  def update(self, learner: L, batch: Transition, key: Key) -> tuple[L, Metrics]:
    """Learns from transitions [T, B]. Pure. Returns the next learner and scalars to log."""
    ...

  def actor(self, learner: L) -> Actor:
    """The actor, for playback and policy files."""
    ...

  def adopt(self, learner: L, actor: Actor) -> L:
    """The learner with the parameters of `actor`; exploration noise stays as the config says.

    Raises:
      UserError: the actor's layers are not those of the config.
    """
    ...

  def kept(self, learner: L) -> Any:
    """The part of a learner that a checkpoint stores, as a pytree: everything, unless a large part can be left out."""
    return learner

  def restored(self, fresh: L, kept: Any) -> L:
    """A learner from a new one and what `kept` returned."""
    return kept

  def apart(self, learner: L) -> dict[str, Array]:
    """Large arrays that are saved beside the checkpoints, those of the latest only; none by default."""
    return {}

  def rejoined(self, learner: L, arrays: dict[str, Array]) -> L:
    """A learner with the arrays that `apart` returned. Not called where they are missing."""
    return learner


MEMBERS = ('unroll_length', 'init', 'act', 'update', 'actor', 'adopt', 'kept', 'restored', 'apart', 'rejoined')


@dataclasses.dataclass(frozen=True)
class Chosen:
  """An algorithm that a config names, with its settings, before the environment exists."""

  config: Config
  maker: Callable[[Config, Spec, Any], Algorithm[Any]]
  settings: Any
  needs_motion: bool = False  # whether its transitions have the extras MOTION and NEXT_MOTION

  def make(self, spec: Spec) -> Algorithm[Any]:
    """The algorithm for an environment. Raises UserError if it lacks a member of Algorithm."""
    try:
      algorithm = self.maker(self.config, spec, self.settings)
    except Exception as error:
      if isinstance(error, UserError) or not user_objects.is_own(self.config.algorithm):
        raise
      what, where = f'{type(error).__name__}: {error}', user_objects.place(error)
      raise UserError(f'algorithm {self.config.algorithm!r} cannot be made: {what}{where}') from error
    if lacking := [name for name in MEMBERS if not hasattr(algorithm, name)]:
      raise UserError(
        f'algorithm {self.config.algorithm!r} lacks {", ".join(lacking)}; derive it from'
        ' mjx_humanoid.rl.algorithm.Algorithm.'
      )
    return algorithm


def algorithms() -> dict[str, str]:
  """One line for each algorithm: the modules in this folder that have a `make`."""
  folder = __name__.rpartition('.')[0]
  package = importlib.import_module(folder)
  modules = [importlib.import_module(f'{folder}.{m.name}') for m in pkgutil.iter_modules(package.__path__)]
  return {m.__name__.rpartition('.')[2]: first_line(m) for m in modules if hasattr(m, 'make')}


def choose_algorithm(config: Config) -> Chosen:
  """Finds the algorithm that a config names and checks its settings, before anything is built.

  The module of an algorithm has `make(config, spec, settings)` and optionally `check(config, settings)`, which raises
  UserError for settings that do not fit the config, and `NEEDS_MOTION = True` if it needs features of the motion in
  Transition.extras. The settings of an algorithm of this package are the section of its name. Those of a user's own
  (config.algorithm='path/to/file.py', or 'path/to/file.py:make') are config.custom: as an instance of the dataclass
  `Settings` in that file, whose fields are made with core.config.settings.setting, or as a dict where there is no such
  class.

  Raises:
    UserError: there is no such algorithm, or a setting of it is unknown, out of range or does not fit.
  """
  if user_objects.is_own(config.algorithm):
    maker, module, settings = _from_file(config)
  else:
    maker, module, settings = _from_package(config)
  if 'check' in module:
    module['check'](config, settings)
  return Chosen(config, maker, settings, bool(module.get('NEEDS_MOTION')))


def make_algorithm(config: Config, spec: Spec) -> Algorithm[Any]:
  """The algorithm that a config names, for an environment. Raises UserError, see choose_algorithm."""
  return choose_algorithm(config).make(spec)


def _from_package(config: Config) -> tuple[Callable[..., Any], dict[str, Any], Any]:
  """The maker of an algorithm of this package, its module's names, and its settings."""
  if config.algorithm not in (names := algorithms()):
    raise unknown('algorithm', config.algorithm, [*names, 'path/to/file.py'])
  if config.custom:
    raise UserError(
      f'config.custom holds the settings of an algorithm of your own; those of {config.algorithm!r} are'
      f' config.{config.algorithm}.'
    )
  module = vars(importlib.import_module(f'{__name__.rpartition(".")[0]}.{config.algorithm}'))
  return module['make'], module, getattr(config, config.algorithm)


def _from_file(config: Config) -> tuple[Callable[..., Any], dict[str, Any], Any]:
  """The same for a user's own algorithm."""
  reference = f'{config.algorithm}:make' if config.algorithm.endswith('.py') else config.algorithm
  maker = user_objects.find(reference, 'algorithm')
  module = getattr(inspect.unwrap(maker), '__globals__', {})
  section = module.get('Settings')
  if section is None:
    return maker, module, dict(config.custom)
  for field in dataclasses.fields(section):
    if 'help' not in field.metadata:
      raise UserError(
        f'algorithm {config.algorithm!r}: Settings.{field.name} must be made by'
        ' mjx_humanoid.core.config.settings.setting.'
      )
  return maker, module, restore(section, config.custom, 'config.custom')
