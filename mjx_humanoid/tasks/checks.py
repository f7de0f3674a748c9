"""What a task is made of, tried on start states before hours are spent on it.

Each check takes a function as its registry gives it and raises a UserError that names the function, and the term or
the line. Rewards serve one environment and are batched by JAX. Observations, terminations, commands and pushes serve
one environment and batches of them, [n] and [B, n], with NumPy arrays in playback and JAX arrays in training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mjx_humanoid.core import user_objects
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import Array, RewardFn, SettleFn, View
from mjx_humanoid.physics.body import Body

ONE_BY_ONE = 4  # environments of a batch that are tried alone as well
CLOSE = 1e-3  # tolerance, absolute and relative, of one environment and a batch, of NumPy and JAX
AGREE = 0.95  # share of environments in which NumPy and JAX must agree: one may lie just on a threshold
UNIFORM = 4  # random numbers that a command is made from

TRUTH = (
  'it uses an array as a truth value (if, and, or, not, while, assert); write {where}(condition, a, b) in place of if,'
  ' and &, |, ~ in place of and, or, not'
)
CURES = {  # by the name of JAX's exception
  'TracerBoolConversionError': TRUTH,
  'TracerArrayConversionError': 'it gives an array to NumPy; use {namespace} in place of numpy',
  'TracerIntegerConversionError': 'it uses an array as a Python index; use {where}, or an index that is a constant',
  'ConcretizationTypeError': 'it makes a Python number of an array (float, int, range); leave it an array',
  'NonConcreteBooleanIndexError': 'it selects elements by a boolean array; write {where}(condition, a, b)',
  'UnexpectedTracerError': 'it keeps an array of one call for another; return it in place of storing it',
}
LAST_AXIS = 'a batch has axes in front, so count from the last one: view.qpos[..., 2] and not view.qpos[2]'


def check_reward(function: RewardFn, body: Body, views: View, contexts: Any, name: str) -> None:
  """Tries a reward on B start states.

  Args:
    function: (view, body, context) of one environment -> a scalar, or a scalar and a dict of scalars.
    views, contexts: [B, ...].
    name: of the reward, for messages.

  Raises:
    UserError: it fails, or a term or the total is no scalar or not finite; terms come first, so that one is named.
  """
  import jax

  what = f'reward {name!r}'
  returned: list[Any] = []

  def one(view: View, context: Any) -> tuple[Array, Mapping[str, Array]]:
    result = function(view, body, context)
    returned.append(result)
    total, terms = result if isinstance(result, tuple) and len(result) == 2 else (result, {})
    return total, terms if isinstance(terms, Mapping) else {}

  total, terms = _call(what, function, jax.jit(jax.vmap(one)), views, contexts)
  raw = returned[0]
  if isinstance(raw, tuple) and not (len(raw) == 2 and isinstance(raw[1], Mapping)):
    raise UserError(f'{what} must return a scalar, or a scalar and a dict of named terms.')
  shape = (len(views.qpos),)
  for label, value in {**{f'term {k!r}': v for k, v in terms.items()}, 'the total': total}.items():
    _check_values(_numbers(value, f'{what}: {label}'), shape, f'{what}: {label}', 'a scalar, shape ()')


def check_observation(function: Callable[..., Array], body: Body, views: View, contexts: Any, name: str) -> None:
  """Tries an observation on B start states, alone and as a batch, in NumPy and in JAX.

  Args:
    function: (view, body, context) with any leading axes -> [..., n].
    views, contexts: [B, ...] NumPy arrays.

  Raises:
    UserError: it fails, returns something else than [..., n], or is not finite.
  """
  what = f'observation {name!r}'
  alone = _numbers(_call(what, function, function, _row(views, 0), body, _row(contexts, 0)), what)
  if alone.ndim != 1:
    more = '; of a single number write x[..., None]' if alone.ndim == 0 else ''
    raise UserError(f'{what} has shape {alone.shape} for one environment; it must be a vector, shape (n,){more}.')
  batch = _check_batches(what, function, lambda f, v, c: f(v, body, c), views, contexts)
  _check_values(batch, (len(views.qpos), *alone.shape), what, 'a vector, shape (n,)')


def check_termination(function: Callable[..., Array], body: Body, views: View, contexts: Any, name: str) -> None:
  """Tries a termination on B start states, alone and as a batch, in NumPy and in JAX.

  Args:
    function: (view, body, context) with any leading axes -> bool [...].
    views, contexts: [B, ...] NumPy arrays.

  Raises:
    UserError: it fails, or returns something else than one bool for each environment.
  """
  what = f'termination {name!r}'
  alone = np.asarray(_call(what, function, function, _row(views, 0), body, _row(contexts, 0)))
  if alone.dtype != bool:
    raise UserError(f'{what} returns {alone.dtype}; it must be bool, as view.qpos[..., 2] < 0.5 is.')
  if alone.shape:
    raise UserError(f'{what} has shape {alone.shape} for one environment; it must be one bool, shape ().')
  batch = _check_batches(what, function, lambda f, v, c: f(v, body, c), views, contexts)
  if batch.dtype != bool:
    raise UserError(f'{what} returns {batch.dtype} for a batch; it must be bool.')


def check_command(function: Callable[[Any, Array], Array], section: Any, name: str, count: int = 16) -> None:
  """Tries a kind of command on `count` environments, alone and as a batch, in NumPy and in JAX.

  Args:
    function: (config.task.command, uniform [..., 4] in [0, 1)) -> command [..., 3].

  Raises:
    UserError: it fails, returns something else than [..., 3], or is not finite.
  """
  what = f'kind of command {name!r}'
  uniform = np.random.default_rng(0).random((count, UNIFORM)).astype(np.float32)
  batch = _check_batches(what, function, lambda f, u, _: f(section, u), uniform, ())
  _check_values(batch, (count, 3), what, 'forward, sideways and yaw velocity, shape (..., 3)')


def check_push(function: Callable[..., Any], mass: float, name: str, count: int = 16) -> None:
  """Tries a kind of push on `count` environments.

  Args:
    function: (force [..., 3] N, seconds, mass kg, first bool [...]) -> force or None, kick or None, each [..., 3].

  Raises:
    UserError: it fails, or returns something else.
  """
  what = f'kind of push {name!r}'
  rng = np.random.default_rng(0)
  force, first = rng.normal(size=(count, 3)).astype(np.float32), rng.random(count) < 0.5
  result = _call(what, function, function, force, 0.2, mass, first)
  if not isinstance(result, tuple) or len(result) != 2:
    raise UserError(f'{what} must return two values: a force or None, and a kick or None.')
  for i, label in enumerate(('force', 'kick')):
    if result[i] is not None:

      def push(f: Callable[..., Any], force: Array, first: Array, i: int = i) -> Array:
        return f(force, 0.2, mass, first)[i]

      _check_values(
        _check_batches(f'{what}: the {label}', function, push, force, first),
        (count, 3),
        f'{what}: the {label}',
        'a vector, shape (..., 3)',
      )


def check_start(function: Callable[..., Any], body: Body, settle: SettleFn, name: str, count: int = 8) -> None:
  """Tries a distribution of start states on `count` environments.

  Args:
    function: (body, rng, strength [n], settle) -> qpos [n, nq], qvel [n, nv], in NumPy.

  Raises:
    UserError: it fails, returns something else, is not finite, or draws random numbers elsewhere than from rng.
  """
  what = f'start {name!r}'
  strength = np.linspace(0.0, 1.0, count)
  pairs = []
  for _ in range(2):
    pair = _call(what, function, function, body, np.random.default_rng(0), strength.copy(), settle)
    if not isinstance(pair, tuple | list) or len(pair) != 2:
      raise UserError(f'{what} must return two arrays: qpos [n, {body.nq}] and qvel [n, {body.nv}].')
    pairs.append(pair)
  for i, (label, width) in enumerate((('qpos', body.nq), ('qvel', body.nv))):
    first, second = (np.asarray(pair[i]) for pair in pairs)
    if first.shape != (count, width):
      raise UserError(f'{what}: {label} has shape {first.shape} for n = {count}; it must be (n, {width}).')
    if not np.isfinite(first).all():
      raise UserError(f'{what}: {label} is not finite in {_share(~np.isfinite(first).all(axis=1))} start states.')
    if not np.array_equal(first, second):
      raise UserError(f'{what}: {label} is not the same for the same rng; draw all random numbers from it.')


def _check_batches(what: str, function: Any, call: Callable[[Any, Any, Any], Any], a: Any, b: Any) -> np.ndarray:
  """The result for a batch, after it was compared with single environments and with JAX. a, b: [B, ...] trees."""
  import jax

  alone = [np.asarray(_call(what, function, call, function, _row(a, i), _row(b, i))) for i in range(ONE_BY_ONE)]
  try:
    batch = np.asarray(call(function, a, b))
  except Exception as error:
    if _cure(error):
      raise _failure(what, function, error) from error
    detail = f'{_text(error)}{user_objects.place(error, function)}'
    raise UserError(f'{what} works for one environment and not for a batch: {detail}; {LAST_AXIS}.') from error
  if batch.shape[1:] != alone[0].shape or len(batch) != len(jax.tree.leaves(a)[0]):
    raise UserError(
      f'{what} has shape {alone[0].shape} for one environment and {batch.shape} for a batch of'
      f' {len(jax.tree.leaves(a)[0])}; {LAST_AXIS}.'
    )
  if not _close(batch[:ONE_BY_ONE], np.stack(alone)):
    raise UserError(f'{what} gives other numbers for a batch than for each environment alone; {LAST_AXIS}.')
  traced = np.asarray(_call(what, function, jax.jit(lambda x, y: call(function, x, y)), a, b))
  if traced.shape != batch.shape or not _close(traced, batch):
    raise UserError(f'{what} gives other numbers in JAX, which trains, than in NumPy, which plays.')
  return batch


def _close(a: np.ndarray, b: np.ndarray) -> bool:
  if a.dtype == bool:
    return bool(np.mean(a == b) >= AGREE)
  return bool(np.allclose(a, b, rtol=CLOSE, atol=CLOSE, equal_nan=True))


def _call(what: str, function: Any, call: Callable[..., Any], *arguments: Any) -> Any:
  """call(*arguments), in which an error of the user's function becomes a UserError that says where it was raised."""
  try:
    return call(*arguments)
  except KeyboardInterrupt:
    raise
  except UserError as error:
    raise UserError(f'{what}: {error}{user_objects.place(error, function)}') from error
  except BaseException as error:  # sys.exit too
    raise _failure(what, function, error) from error


def _failure(what: str, function: Any, error: BaseException) -> UserError:
  return UserError(
    f'{what} fails on a start state{user_objects.place(error, function)}: {_cure(error) or _text(error)}.'
  )


def _text(error: BaseException) -> str:
  return f'{type(error).__name__}: {str(error).strip().split(chr(10))[0].rstrip(".")}'


def _cure(error: BaseException) -> str:
  """What to write in place of what failed; empty where that is not known."""
  name = type(error).__name__
  if name == 'ValueError' and 'truth value of an array' in str(error):
    name, where, namespace = 'TracerBoolConversionError', 'xp.where', 'xp'
  else:
    where, namespace = 'jnp.where', 'jax.numpy (jnp)'
  cure = CURES.get(name, '')
  return f'{name}: {cure.format(where=where, namespace=namespace)}' if cure else ''


def _row(tree: Any, i: int) -> Any:
  """Environment i of a tree of arrays [B, ...]."""
  import jax

  return jax.tree.map(lambda x: x[i], tree)


def _numbers(value: Any, what: str) -> np.ndarray:
  array = np.asarray(value)
  if array.dtype.kind not in 'biuf':
    raise UserError(f'{what} is not a number but a {type(value).__name__}.')
  return array


def _check_values(value: np.ndarray, shape: tuple[int, ...], what: str, wanted: str) -> None:
  if value.shape != shape:
    raise UserError(f'{what} has shape {value.shape[1:]}; it must be {wanted}.')
  finite = np.isfinite(value).reshape(len(value), -1).all(axis=1)
  if not finite.all():
    bad = value[~np.isfinite(value)][0]
    raise UserError(f'{what} is {bad} on {_share(~finite)} start states; it must be finite.')


def _share(bad: np.ndarray) -> str:
  return f'{int(bad.sum())} of {len(bad)}'
