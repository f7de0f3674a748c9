"""Scores of a policy in an environment of Gymnasium's registry, such as HalfCheetah-v5. Needs no JAX."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.model import quiet
from mjx_humanoid.playback.policy import Policy

if TYPE_CHECKING:
  import gymnasium

TOGETHER = 16  # environments that are played at a time, so that the policy acts on batches
MOST_STEPS = 1000  # of an episode in an environment without a time limit of its own
PARTS = ('include_', '_in_observation')  # ends of the names of keywords by which an environment observes less
INSTALL = "pip install 'mjx_humanoid[gym]'"


def score(
  policy: Policy,
  environment: str,
  settings: Mapping[str, Any],
  episodes: int,
  seed: int,
  ended: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
  """The undiscounted returns of a policy's deterministic actions, as JSON types.

  Args:
    environment: id in Gymnasium's registry.
    settings: keywords of the environment; see `make`.
    seed: of the first episode; each later one has the next.
    ended: is told how many episodes have ended, each time that one has.

  Raises:
    UserError: gymnasium or what the environment needs is missing, there is no such environment or keyword, or its
      observations or actions are not those of the policy.
  """
  envs, settings = make(policy, environment, settings, min(episodes, TOGETHER))
  try:
    returns, lengths = play(policy, envs, episodes, seed, ended)
  finally:
    for env in envs:
      env.close()
  asked = {'environment': environment, 'settings': dict(settings), 'episodes': episodes, 'seed': seed}
  return {'policy': policy.name, **asked, **summary(returns, lengths), 'info': policy.info}


def summary(returns: np.ndarray, lengths: np.ndarray) -> dict[str, Any]:
  """Mean and extremes of the returns and lengths of episodes, and all of them, as JSON types."""
  return {
    'return': float(returns.mean()),
    'return_std': float(returns.std()),
    'return_min': float(returns.min()),
    'return_max': float(returns.max()),
    'length': float(lengths.mean()),
    'length_min': int(lengths.min()),
    'length_max': int(lengths.max()),
    'returns': returns.tolist(),
    'lengths': lengths.tolist(),
  }


def make(
  policy: Policy, environment: str, settings: Mapping[str, Any], count: int
) -> tuple[list[gymnasium.Env[Any, Any]], dict[str, Any]]:
  """`count` equal environments that fit a policy, and the keywords that they were made with.

  If the policy observes less than the environment does, parts that the environment can leave out, by keywords such as
  include_cinert_in_observation, are left out, unless `settings` says otherwise.

  Raises:
    UserError: see `score`.
  """
  first, chosen = _make_one(environment, settings), dict(settings)
  if _sizes(first, environment)[0] > policy.observation_size:
    less = {name: False for name in _parts(environment) if name not in settings}
    if less:
      first.close()
      chosen |= less
      first = _make_one(environment, chosen)
  wanted, own = _sizes(first, environment), (policy.observation_size, policy.action_size)
  if wanted != own:
    first.close()
    told = ''.join(f', {name}={value}' for name, value in chosen.items())
    raise UserError(
      f'{policy.name} has {own[0]} observations and {own[1]} actions, but {environment}{told} has {wanted[0]} and'
      f' {wanted[1]}: it is a policy of another task.'
    )
  return [first, *(_make_one(environment, chosen) for _ in range(count - 1))], chosen


def play(
  policy: Policy,
  envs: Sequence[gymnasium.Env[Any, Any]],
  episodes: int,
  seed: int,
  ended: Callable[[int], None] = lambda count: None,
) -> tuple[np.ndarray, np.ndarray]:
  """Plays episodes, several at a time: the return and the number of steps of each, [episodes]."""
  returns, lengths = np.zeros(episodes), np.zeros(episodes, int)
  waiting, idle, playing = iter(range(episodes)), list(envs), []
  done = 0
  while True:
    for env, episode in zip(idle, waiting, strict=False):
      playing.append((env, episode, env.reset(seed=seed + episode)[0]))
    if not playing:
      return returns, lengths
    actions = policy(np.stack([obs for _, _, obs in playing]))
    before, idle, playing = playing, [], []
    for (env, episode, _), action in zip(before, actions, strict=True):
      obs, reward, terminated, truncated, _ = env.step(in_range(action, env.action_space))
      returns[episode] += float(reward)
      lengths[episode] += 1
      if terminated or truncated:
        idle.append(env)
        done += 1
        ended(done)
      else:
        playing.append((env, episode, obs))


def in_range(action: np.ndarray, space: Any) -> np.ndarray:
  """An action [A] in [-1, 1] in the range of a Box; unchanged where the range has no bounds."""
  low, high = np.asarray(space.low, float), np.asarray(space.high, float)
  bounded = np.isfinite(low) & np.isfinite(high)
  with np.errstate(invalid='ignore', over='ignore'):
    scaled = low + (action.astype(float) + 1) / 2 * (high - low)
  return np.where(bounded, scaled, action).astype(space.dtype)


def _make_one(environment: str, settings: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
  if importlib.util.find_spec('gymnasium') is None:
    raise UserError(f'--gymnasium needs the package gymnasium: {INSTALL}')
  import gymnasium

  try:
    limit = {} if gymnasium.spec(environment).max_episode_steps else {'max_episode_steps': MOST_STEPS}
    with quiet():
      return gymnasium.make(environment, disable_env_checker=True, **limit, **settings)
  except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
    raise UserError(f'{environment} needs a package that is missing ({_line(error)}): {INSTALL}') from None
  except gymnasium.error.Error as error:
    raise UserError(f'there is no environment {environment!r}: {_line(error)}') from None
  except (TypeError, ValueError, AssertionError, OSError) as error:
    raise UserError(f'{environment} cannot be made with {dict(settings) or "its defaults"}: {_line(error)}') from None


def _sizes(env: gymnasium.Env[Any, Any], environment: str) -> tuple[int, int]:
  """Elements of observations and actions. Raises UserError where they are no vectors of numbers."""
  from gymnasium.spaces import Box

  spaces = env.observation_space, env.action_space
  for space in spaces:
    if not isinstance(space, Box) or len(space.shape) != 1:
      raise UserError(f'{environment} has the space {space}; a policy needs vectors of numbers for both.')
  return int(np.prod(spaces[0].shape or ())), int(np.prod(spaces[1].shape or ()))


def _parts(environment: str) -> list[str]:
  """Keywords of an environment by which parts of its observation are left out."""
  import gymnasium
  from gymnasium.envs.registration import load_env_creator

  entry = gymnasium.spec(environment).entry_point
  maker = load_env_creator(entry) if isinstance(entry, str) else entry
  names = inspect.signature(maker).parameters if maker is not None else ()
  return [name for name in names if name.startswith(PARTS[0]) and name.endswith(PARTS[1])]


def _line(error: Exception) -> str:
  """The first line of an error's message, on one line."""
  return ' '.join(str(error).split('\\n')[0].split()).rstrip('.')
