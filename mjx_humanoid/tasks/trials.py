"""Calls a user's function on examples; a failure becomes one line that says where, why, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mjx_humanoid.core import user_objects
from mjx_humanoid.core.errors import UserError

ONE_BY_ONE = 4  # environments of a batch that are also called singly
CLOSE = 1e-3  # absolute and relative tolerance between one environment and a batch, and between NumPy and JAX
AGREE = 0.95  # share of environments in which NumPy and JAX must agree: one may be just on a threshold

TRUTH = (
  'it uses an array as a truth value (if, and, or, not, while, assert); write {where}(condition, a, b) instead of if,'
  ' and &, |, ~ instead of and, or, not'
)
FIXES = {  # by the name of JAX's exception
  'TracerBoolConversionError': TRUTH,
  'TracerArrayConversionError': 'it passes an array to NumPy; use {namespace} instead of numpy',
  'TracerIntegerConversionError': 'it uses an array as a Python index; use {where}, or an index that is a constant',
  'ConcretizationTypeError': 'it converts an array to a Python number (float, int, range); keep the array',
  'NonConcreteBooleanIndexError': 'it selects elements by a boolean array; write {where}(condition, a, b)',
  'UnexpectedTracerError': 'it stores an array from one call for a later call; return the array instead',
}
LAST_AXIS = 'a batch has axes in front, so count from the last one: view.qpos[..., 2] and not view.qpos[2]'


def attempt(what: str, own: Any, call: Callable[..., Any], *arguments: Any) -> Any:
  """call(*arguments); an error becomes a UserError with the line in the user's code.

  Args:
    what: name of the function in messages: "reward 'mine.py:f'".
    own: the user's function that `call` calls.
  """
  try:
    with np.errstate(all='ignore'):  # values that are not finite are reported separately
      return call(*arguments)
  except KeyboardInterrupt:
    raise
  except UserError as error:
    raise UserError(f'{what}: {error}{user_objects.place(error, own)}') from error
  except BaseException as error:  # sys.exit too
    raise _failure(what, own, error) from error


def one_and_many(what: str, own: Any, call: Callable[..., Any], *batches: Any) -> np.ndarray:
  """The result of a function for a batch, after comparison with single environments and with JAX.

  Args:
    what, own: see attempt.
    call: takes the batches, or one environment of each.
    batches: trees of NumPy arrays [B, ...].

  Raises:
    UserError: it fails, or a batch and its environments differ, or JAX and NumPy differ.
  """
  import jax

  count = len(jax.tree.leaves(batches)[0])
  alone = [np.asarray(attempt(what, own, call, *row(batches, i))) for i in range(min(ONE_BY_ONE, count))]
  try:
    with np.errstate(all='ignore'):
      many = np.asarray(call(*batches))
  except Exception as error:
    if fix(error):
      raise _failure(what, own, error) from error
    detail = f'{_text(error)}{user_objects.place(error, own)}'
    raise UserError(f'{what} works for one environment and not for a batch: {detail}; {LAST_AXIS}.') from error
  if many.shape != (count, *alone[0].shape):
    shapes = f'{alone[0].shape} for one environment and {many.shape} for a batch of {count}'
    raise UserError(f'{what} has shape {shapes}; {LAST_AXIS}.')
  if not _close(many[: len(alone)], np.stack(alone)):
    raise UserError(f'{what} gives other numbers for a batch than for single environments; {LAST_AXIS}.')
  traced = np.asarray(attempt(what, own, jax.jit(call), *batches))
  if traced.shape != many.shape or not _close(traced, many):
    raise UserError(f'{what} gives other numbers in JAX (training) than in NumPy (playback).')
  return many


def row(tree: Any, i: int) -> Any:
  """Environment i of a tree of arrays [B, ...]."""
  import jax

  return jax.tree.map(lambda x: x[i], tree)


def numbers(value: Any, what: str) -> np.ndarray:
  """The value as an array. Raises UserError if it contains no numbers."""
  array = np.asarray(value)
  if array.dtype.kind not in 'biuf':
    raise UserError(f'{what} is not a number but a {type(value).__name__}.')
  return array


def check_values(value: np.ndarray, shape: tuple[int, ...], what: str, wanted: str) -> None:
  """Raises UserError if values [B, ...] do not have the shape that `wanted` describes, or are not finite."""
  if value.shape != shape:
    raise UserError(f'{what} has shape {value.shape[1:]}; it must be {wanted}.')
  finite = np.isfinite(value).reshape(len(value), -1).all(axis=1)
  if not finite.all():
    bad = value[~np.isfinite(value)][0]
    raise UserError(f'{what} is {bad} on {(~finite).sum()} of {len(value)} start states; it must be finite.')


def fix(error: BaseException) -> str:
  """What to write instead of the failing code; '' if unknown."""
  name = type(error).__name__
  if name == 'ValueError' and 'truth value of an array' in str(error):  # NumPy's error for a batch
    return f'{name}: {TRUTH.format(where="xp.where")}; xp is view.qpos.__array_namespace__(), for both NumPy and JAX'
  text = FIXES.get(name, '')
  return f'{name}: {text.format(where="jnp.where", namespace="jax.numpy (jnp)")}' if text else ''


def _failure(what: str, own: Any, error: BaseException) -> UserError:
  place = user_objects.place(error, own)
  return UserError(f'{what} fails on a start state{place}: {fix(error) or _text(error)}.')


def _text(error: BaseException) -> str:
  lines = str(error).strip().split('\n')
  return f'{type(error).__name__}: {lines[0].rstrip(".")}'


def _close(a: np.ndarray, b: np.ndarray) -> bool:
  if a.dtype == bool:
    return bool(np.mean(a == b) >= AGREE)
  return bool(np.allclose(a, b, rtol=CLOSE, atol=CLOSE, equal_nan=True))
