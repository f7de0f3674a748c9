"""Checks the functions of a task on start states before training.

Each check calls a function from a registry, and raises a UserError that names the function and the reward term or the
line. Rewards take one environment and are batched by JAX. Observations, terminations, commands, pushes and parts of
the context take one environment or a batch, [n] or [B, n], as NumPy arrays in playback and JAX arrays in training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mjx_humanoid.core.config.task import CommandConfig, TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.saved_code import references
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.core.user_objects import is_own
from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.context import COMMANDS, Context, ContextMaker, ContextPart
from mjx_humanoid.tasks.functions import ObserveFn, TerminateFn
from mjx_humanoid.tasks.observations import OBSERVATIONS
from mjx_humanoid.tasks.pushes import PUSHES, PushFn
from mjx_humanoid.tasks.task import Task
from mjx_humanoid.tasks.trials import attempt, check_values, numbers, one_and_many, row

CommandFn = Callable[[CommandConfig, Array], Array]
COUNT = 16  # environments in checks of commands and pushes
UNIFORM = 4  # uniform random numbers for a command
PUSH_SECONDS = 0.2


def own_code(config: TaskConfig) -> list[str]:
  """References to user's own code in a task."""
  return [name for _, name in references(config) if is_own(name)]


def check_task(task: Task, views: View) -> None:
  """Checks the reward and all of the user's own functions on start states [B, ...]. Raises UserError."""
  import jax

  config, body = task.config, task.body
  views = jax.tree.map(np.asarray, views)
  if is_own(config.command.kind):
    check_command(COMMANDS[config.command.kind], config.command, config.command.kind)
  if is_own(config.push.kind):
    check_push(PUSHES[config.push.kind], body.total_mass, config.push.kind)
  for i, name in enumerate(config.context):
    if is_own(name):
      check_part(task.context, i, views, name)
  uniform = np.full((len(views.qpos), task.context.draws), 0.5, np.float32)
  contexts = jax.tree.map(np.asarray, task.context.start(views, uniform))
  for name in filter(is_own, config.observations):
    check_observation(OBSERVATIONS[name], body, views, contexts, name)
  if is_own(config.termination):
    check_termination(task.terminate, body, views, contexts, config.termination)
  check_reward(task.reward, body, views, contexts, config.reward)


def check_reward(function: Callable[..., Any], body: Body, views: View, contexts: Context, name: str) -> None:
  """Checks a reward on B start states.

  Args:
    function: (view, body, context) of one environment -> a scalar, or a scalar and a dict of scalars.
    views, contexts: [B, ...].
    name: name of the reward, for messages.

  Raises:
    UserError: it fails, or a term or the total is not a finite scalar. Terms are checked before the total.
  """
  import jax

  what = f'reward {name!r}'
  returned: list[Any] = []

  def one(view: View, context: Context) -> tuple[Array, Mapping[str, Array]]:
    result = function(view, body, context)
    returned.append(result)
    total, terms = result if isinstance(result, tuple) and len(result) == 2 else (result, {})
    return total, terms if isinstance(terms, Mapping) else {}

  total, terms = attempt(what, function, jax.jit(jax.vmap(one)), views, contexts)
  raw = returned[0]
  if isinstance(raw, tuple) and not (len(raw) == 2 and isinstance(raw[1], Mapping)):
    raise UserError(f'{what} must return a scalar, or a scalar and a dict of named terms.')
  shape = (len(views.qpos),)
  for label, value in {**{f'term {k!r}': v for k, v in terms.items()}, 'the total': total}.items():
    check_values(numbers(value, f'{what}: {label}'), shape, f'{what}: {label}', 'a scalar, shape ()')


def check_observation(function: ObserveFn, body: Body, views: View, contexts: Context, name: str) -> None:
  """Checks an observation on B start states, singly and as a batch, in NumPy and in JAX.

  Args:
    function: (view, body, context) with any leading axes -> [..., n].
    views, contexts: [B, ...] NumPy arrays.

  Raises:
    UserError: it fails, does not return [..., n], or is not finite.
  """
  what = f'observation {name!r}'

  def observe(view: View, context: Context) -> Array:
    return function(view, body, context)

  alone = numbers(attempt(what, function, observe, row(views, 0), row(contexts, 0)), what)
  if alone.ndim != 1:
    more = '; of a single number write x[..., None]' if alone.ndim == 0 else ''
    raise UserError(f'{what} has shape {alone.shape} for one environment; it must be a vector, shape (n,){more}.')
  values = one_and_many(what, function, observe, views, contexts)
  check_values(values, (len(views.qpos), *alone.shape), what, 'a vector, shape (n,)')


def check_termination(function: TerminateFn, body: Body, views: View, contexts: Context, name: str) -> None:
  """Checks a termination on B start states, singly and as a batch, in NumPy and in JAX.

  Args:
    function: (view, body, context) with any leading axes -> bool [...].
    views, contexts: [B, ...] NumPy arrays.

  Raises:
    UserError: it fails, or does not return one bool for each environment.
  """
  what = f'termination {name!r}'

  def terminate(view: View, context: Context) -> Array:
    return function(view, body, context)

  alone = np.asarray(attempt(what, function, terminate, row(views, 0), row(contexts, 0)))
  if alone.dtype != bool:
    raise UserError(f'{what} returns {alone.dtype}; it must be bool, as view.qpos[..., 2] < 0.5 is.')
  if alone.shape:
    raise UserError(f'{what} has shape {alone.shape} for one environment; it must be one bool, shape ().')
  one_and_many(what, function, terminate, views, contexts)


def check_command(function: CommandFn, section: CommandConfig, name: str) -> None:
  """Checks a kind of command on environments, singly and as a batch, in NumPy and in JAX.

  Args:
    function: (config.task.command, uniform [..., 4] in [0, 1)) -> command [..., 3].

  Raises:
    UserError: it fails, does not return [..., 3], or is not finite.
  """
  what = f'kind of command {name!r}'
  uniform = np.random.default_rng(0).random((COUNT, UNIFORM)).astype(np.float32)
  values = one_and_many(what, function, lambda u: function(section, u), uniform)
  check_values(values, (COUNT, 3), what, 'forward, sideways and yaw velocity, shape (3,)')


def check_curriculum(function: Callable[..., Array], name: str) -> None:
  """Checks a curriculum on environments, in JAX.

  Args:
    function: (level [B], terminated [B], truncated [B], control steps of the whole training) -> level [B] in (0, 1].

  Raises:
    UserError: it fails, or does not return levels in this range.
  """
  import jax

  what = f'curriculum {name!r}'
  rng = np.random.default_rng(0)
  level, ended = rng.uniform(0.1, 1.0, COUNT).astype(np.float32), rng.random(COUNT) < 0.5
  values = attempt(what, function, jax.jit(lambda *x: function(*x, 1000.0)), level, ended, ~ended)
  values = numbers(values, what)
  check_values(values, (COUNT,), what, 'one level for each environment, shape ()')
  if not ((values > 0) & (values <= 1)).all():
    raise UserError(f'{what} returns levels from {values.min():g} to {values.max():g}; they must be in (0, 1].')


def check_push(function: PushFn, mass: float, name: str) -> None:
  """Checks a kind of push on environments, singly and as a batch, in NumPy and in JAX.

  Args:
    function: (force [..., 3] N, seconds, mass kg, first bool [...]) -> force or None, kick or None, each [..., 3].

  Raises:
    UserError: it fails, or does not return these two values.
  """
  what = f'kind of push {name!r}'
  rng = np.random.default_rng(0)
  force, first = rng.normal(size=(COUNT, 3)).astype(np.float32), rng.random(COUNT) < 0.5
  result = attempt(what, function, function, force[0], PUSH_SECONDS, mass, first[0])
  if not isinstance(result, tuple) or len(result) != 2:
    raise UserError(f'{what} must return two values: a force or None, and a kick or None.')
  for i, label in enumerate(('force', 'kick')):
    if result[i] is not None:

      def push(force: Array, first: Array, i: int = i) -> Array:
        return function(force, PUSH_SECONDS, mass, first)[i]

      values = one_and_many(f'{what}: the {label}', function, push, force, first)
      check_values(values, (COUNT, 3), f'{what}: the {label}', 'a vector, shape (3,)')


def _entries(context: Context) -> dict[str, tuple[tuple[int, ...], str]]:
  """Shape and kind of dtype of each entry. Floats may be wider in NumPy than in JAX."""
  entries = {name: value for name, value in context._asdict().items() if name != 'extra'} | context.extra
  return {name: (np.shape(value), np.dtype(value.dtype).kind) for name, value in entries.items()}


def check_part(maker: ContextMaker, index: int, views: View, name: str) -> None:
  """Checks a part of the context on B start states, after the earlier parts, in NumPy and in JAX.

  Raises:
    UserError: it lacks a member of ContextPart, fails, or changes shapes or types.
  """
  import jax

  what, part = f'part of the context {name!r}', maker.parts[index]
  members = [member for member in vars(ContextPart) if not member.startswith('_')]
  if lacking := [member for member in members if not hasattr(part, member)]:
    raise UserError(f'{what} lacks {", ".join(lacking)}; see mjx_humanoid.tasks.context.ContextPart.')
  upto = ContextMaker(maker.body, maker.parts[: index + 1])
  uniform = np.full((len(views.qpos), upto.draws), 0.5, np.float32)

  def play(view: View, uniform: Array) -> tuple[Context, Context]:
    start = upto.start(view, uniform)
    return start, upto.advance(start, view, uniform)

  plain = attempt(what, part.start, play, views, uniform)
  traced = attempt(what, part.start, jax.jit(play), views, uniform)
  entries = [_entries(context) for context in (*plain, *traced)]
  for entry, shape in entries[0].items():
    if any(other.get(entry) != shape for other in entries):
      raise UserError(f'{what} changes the shape or type of {entry} from one step to the next, or in JAX.')
  for entry, values in {**plain[0]._asdict(), **plain[0].extra}.items():
    if entry != 'extra':
      array = np.asarray(values)
      check_values(array, (len(views.qpos), *array.shape[1:]), f'{what}: {entry}', 'one for each environment')
