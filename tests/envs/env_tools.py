"""What the tests of Env share: a task whose reward, observation and end are plain to see, and states made by hand."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

from mjx_humanoid.core.types import View

ENVS, LIMIT, COMMAND = 4, 10, (0.5, -1.0, 2.0)
KEY = jax.random.PRNGKey(0)


def reward(view, body, context):
  """Height, plus 100 for each unit by which the first control has changed."""
  change = view.ctrl[0] - context.last_action[0]
  return view.qpos[2] + 100 * change, {'height': view.qpos[2], 'change': change}


def observe(view, body, context):
  """Height, time, latest first control, age, command: everything that must be right, in the open."""
  seen = [view.qpos[..., 2], view.time, context.last_action[..., 0], context.step * 1.0, context.command[..., 2]]
  return seen[0].__array_namespace__().stack(seen, axis=-1)


def too_low(view, body, context):
  return view.qpos[..., 2] < 1.0


def compiled(env):
  """Its three functions; of many environments, one program is made faster than each of its operations."""
  return SimpleNamespace(begin=jax.jit(env.begin), act=jax.jit(env.act), advance=jax.jit(env.advance))


def at_rest(body, model, heights, controls=0.0, time=0.5):
  """A view of resting robots at these heights, whose first control is this."""
  count = len(heights)
  qpos = np.tile(body.default_qpos, (count, 1))
  qpos[:, 2] = heights
  ctrl = np.zeros((count, body.nu), np.float32)
  ctrl[:, 0] = controls
  sensors = np.zeros((count, model.nsensordata), np.float32)
  return View(np.full(count, time, np.float32), qpos, np.zeros((count, body.nv), np.float32), ctrl, sensors)


def context_of(state):
  return state.episode.context


def with_context(state, **changes):
  """The state with other entries of the context."""
  episode = state.episode
  return state._replace(episode=episode._replace(context=episode.context._replace(**changes)))


def with_delay(state, delay):
  """The state with actions that arrive so many control steps late."""
  return state._replace(episode=state.episode._replace(delay=delay))


def at_age(state, ages):
  """The state of episodes that are so many control steps old, all of them played."""
  ages = jnp.broadcast_to(jnp.asarray(ages, jnp.int32), state.length.shape)
  return with_context(state, step=ages)._replace(length=ages)


def numbered(env, i):
  """Controls whose first element tells the step at which they were sent."""
  return jnp.zeros((env.num_envs, env.action_size)).at[:, 0].set(0.01 * i)
