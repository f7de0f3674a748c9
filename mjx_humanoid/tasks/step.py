"""The control step of a task, in array-API functions for training and playback.

The callers (training on MJX and on C MuJoCo, playback, Gymnasium, Brax) step the physics and draw the random numbers.
This module has everything else:

  episode, inputs = act(task, episode, ctrl)        action delay, pushes
  view = <physics of the caller>(inputs)
  judged = judged_by(episode)                       context for reward and termination
  ended = task.terminate(...) | diverged(view)
  episode = advance(task, episode, view, uniform)   the next context
  episode = push(task, episode, uniform)            the push of the next control step
  obs = observe(task, view, episode.context, noise)
"""

from __future__ import annotations

from typing import NamedTuple

from mjx_humanoid.core.types import Array, Inputs, View
from mjx_humanoid.physics.engine import MAX_VELOCITY
from mjx_humanoid.physics.randomize import VELOCITY_NOISE_RATIO
from mjx_humanoid.tasks.context.context import Context
from mjx_humanoid.tasks.pushes import DRAWS as PUSH_DRAWS
from mjx_humanoid.tasks.task import Task

__all__ = ['PUSH_DRAWS', 'Episode', 'Noise', 'act', 'advance', 'begin', 'diverged', 'judged_by', 'observe', 'push']


class Episode(NamedTuple):
  """The state of B episodes of a task, without the physics."""

  context: Context  # [B, ...]
  push: Array  # [B, 3] N on the root during the next control step
  sent: Array  # [B, D, nu] the latest controls, newest first, for delayed actions
  delay: Array  # [B] int32, delay of actions in control steps


class Noise(NamedTuple):
  """Standard normal numbers for the sensor noise."""

  angles: Array  # [B, joints]
  velocities: Array  # [B, nv]


def begin(task: Task, view: View, uniform: Array, delay: Array, level: Array | float = 1.0) -> Episode:
  """Episodes that begin at view [B, ...], before their first push is drawn.

  Args:
    uniform: [B, task.context.draws] in [0, 1).
    delay: [B] int32, delay of actions in control steps, 0 to task.action_delay.
    level: [B] of the curriculum, in (0, 1].
  """
  xp = view.qpos.__array_namespace__()
  count = view.qpos.shape[0]
  return Episode(
    context=task.context.start(view, uniform, level),
    push=xp.zeros((count, 3), dtype=xp.float32),
    sent=xp.zeros((count, task.action_delay, task.body.nu), dtype=xp.float32),
    delay=delay,
  )


def act(task: Task, episode: Episode, ctrl: Array) -> tuple[Episode, Inputs]:
  """Controls and disturbances of the next control step, for the policy's controls ctrl [B, nu] in [-1, 1]."""
  if task.action_delay:
    xp = ctrl.__array_namespace__()
    sent = xp.concatenate([ctrl[:, None], episode.sent], axis=1)
    ctrl = xp.take_along_axis(sent, episode.delay[:, None, None], axis=1)[:, 0]
    episode = episode._replace(sent=sent[:, :-1])
  return episode, task.pusher.inputs(ctrl, episode.context.step, episode.push)


def judged_by(episode: Episode) -> Context:
  """The context for reward and termination: that in which the action was chosen, with `step` increased by 1."""
  return episode.context._replace(step=episode.context.step + 1)


def diverged(view: View) -> Array:
  """Bool [B]: environments with a number that is not finite, or a velocity above MAX_VELOCITY."""
  xp = view.qpos.__array_namespace__()
  count = view.qpos.shape[0]
  finite = [xp.isfinite(x).reshape((count, -1)).all(axis=1) for x in view]
  return ~xp.stack(finite).all(axis=0) | (xp.abs(view.qvel).max(axis=1) > MAX_VELOCITY)


def advance(task: Task, episode: Episode, view: View, uniform: Array, level: Array | float = 1.0) -> Episode:
  """The episodes after a control step that led to view [B, ...]. Call `push` next.

  Args:
    uniform: [B, task.context.draws] in [0, 1).
    level: [B] of the curriculum.
  """
  return episode._replace(context=task.context.advance(episode.context, view, uniform, level))


def push(task: Task, episode: Episode, uniform: Array, level: Array | float = 1.0) -> Episode:
  """The episodes with the push of the next control step.

  Args:
    uniform: [B, PUSH_DRAWS] in [0, 1).
    level: [B] of the curriculum.
  """
  if not task.pusher.ever:
    return episode
  return episode._replace(push=task.pusher.draw(episode.context.step, episode.push, uniform, level))


def observe(task: Task, view: View, context: Context, noise: Noise | None = None) -> Array:
  """Observations [B, O] float32, with sensor noise if the task has any.

  Args:
    noise: standard normal numbers; None where task.sensor_noise is 0.
  """
  if noise is not None:
    xp, root = view.qpos.__array_namespace__(), task.body.root
    angles = view.qpos[:, root.nq :] + task.sensor_noise * noise.angles
    view = view._replace(
      qpos=xp.concatenate([view.qpos[:, : root.nq], angles], axis=1).astype(xp.float32),
      qvel=(view.qvel + task.sensor_noise * VELOCITY_NOISE_RATIO * noise.velocities).astype(xp.float32),
    )
  return task.observe(view, task.body, context)
