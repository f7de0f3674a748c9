"""Observations: what a policy may see, by name. Indexing only, so that the same functions serve JAX and NumPy."""

from __future__ import annotations

from collections.abc import Sequence

from mjx_humanoid.physics.body import Body
from mjx_humanoid.registry import Registry
from mjx_humanoid.types import Array, Context, ObserveFn, View

OBSERVATIONS: Registry[ObserveFn] = Registry('observation')


@OBSERVATIONS.register()
def joint_positions(view: View, body: Body, context: Context) -> Array:
  """All positions but where on the floor: height, orientation quaternion, joint angles [nq - 2]."""
  return view.qpos[..., 2:]


@OBSERVATIONS.register()
def joint_velocities(view: View, body: Body, context: Context) -> Array:
  """All velocities: torso linear (world) and angular (torso frame), joints [nv]."""
  return view.qvel


@OBSERVATIONS.register()
def center_of_mass(view: View, body: Body, context: Context) -> Array:
  """Centre of mass relative to the torso [m] and its velocity [m/s], world axes [6]."""
  offset = body.sensor(view, 'com_pos') - body.sensor(view, 'torso_pos')
  return _join([offset, body.sensor(view, 'com_vel')], view)


@OBSERVATIONS.register()
def contact_forces(view: View, body: Body, context: Context) -> Array:
  """Normal contact force on each body that can touch, in units of body weight [bodies]."""
  weight = body.total_mass * 9.81
  return _join([body.sensor(view, f'{name}_touch') / weight for name in body.touch_names], view)


@OBSERVATIONS.register()
def actuator_states(view: View, body: Body, context: Context) -> Array:
  """The motor commands now in force, in [-1, 1] [nu]."""
  return view.ctrl


@OBSERVATIONS.register()
def command(view: View, body: Body, context: Context) -> Array:
  """Wanted forward, sideways and turning velocity [3]."""
  return context.command


def observe_all(names: Sequence[str]) -> ObserveFn:
  """The observation that joins these, in order. Raises UserError for a name that does not exist."""
  functions = [OBSERVATIONS[name] for name in names]

  def observe(view: View, body: Body, context: Context) -> Array:
    return _join([function(view, body, context) for function in functions], view)

  return observe


def slices(names: Sequence[str], view: View, body: Body, context: Context) -> dict[str, tuple[int, int]]:
  """Where each named observation lies in the joined one: (first element, one past its last)."""
  found, start = {}, 0
  for name in names:
    width = OBSERVATIONS[name](view, body, context).shape[-1]
    found[name] = (start, start + width)
    start += width
  return found


def _join(parts: Sequence[Array], view: View) -> Array:
  """Concatenates along the last axis, in the array library that the view is made of."""
  if type(view.qpos).__module__.startswith('numpy'):
    import numpy

    return numpy.concatenate(parts, axis=-1, dtype=numpy.float32)
  import jax.numpy

  return jax.numpy.concatenate(parts, axis=-1)
