"""Protects what a policy sees of its clip: by hand, alike in NumPy and JAX, and in the mirror of a symmetric gait."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.types import View
from mjx_humanoid.tasks.context import Context
from mjx_humanoid.tasks.context import make_context as maker_of
from mjx_humanoid.tasks.context import reference_motion as motion
from mjx_humanoid.tasks.mirror import observation_map
from mjx_humanoid.tasks.observations import OBSERVATIONS, observe_all

CLIP = ('clip_phase', 'clip_targets', 'clip_offset')
HALF = np.sqrt(0.5)


def context_of(**extra):
  zero = np.zeros(3, np.float32)
  extra = {getattr(motion, name): np.asarray(value, np.float32) for name, value in extra.items()}
  return Context(zero[0], zero, zero, zero[:2], zero[:2], zero[0], zero[0], zero, extra)


def view_of(body, **parts):
  qpos = body.default_qpos.copy()
  qpos[:3], qpos[3:7] = parts.get('place', qpos[:3]), parts.get('turn', qpos[3:7])
  return View(np.float32(0), qpos, np.zeros(27, np.float32), np.zeros(21, np.float32), np.zeros(9, np.float32))


def test_the_offset_is_seen_from_the_root_and_clipped_to_a_metre(body):
  """It faces y at (1, 2, 1.2); the clip is 0.5 m ahead, 3 m to its right and 0.1 m higher, facing x, a right turn."""
  view = view_of(body, place=(1, 2, 1.2), turn=(HALF, 0, 0, HALF))
  context = context_of(PLACE=(4, 2.5, 1.3), ORIENTATION=(1, 0, 0, 0))
  found = OBSERVATIONS['clip_offset'](view, body, context)
  np.testing.assert_allclose(found, [0.5, -1, 0.1, 0, 0, -HALF], atol=1e-6)


def test_an_orientation_and_its_negative_are_seen_alike(body):
  view = view_of(body)
  turned = np.array([0.96, 0.0, 0.28, 0.0])
  found = [
    OBSERVATIONS['clip_offset'](view, body, context_of(PLACE=(0, 0, 1), ORIENTATION=sign * turned)) for sign in (1, -1)
  ]
  np.testing.assert_allclose(found[0], found[1], atol=1e-7)
  np.testing.assert_allclose(found[0][3:], [0, 0.28, 0], atol=1e-6)


@pytest.mark.parametrize('name', CLIP)
def test_numpy_and_jax_see_the_same(name, body, tumbling_view):
  context = context_of(PHASE=(0.6, 0.8), ANGLES=np.arange(21) / 10, PLACE=(4, -1, 3), ORIENTATION=(0.6, 0, 0.8, 0))
  on_host = OBSERVATIONS[name](tumbling_view, body, context)
  on_device = OBSERVATIONS[name](*jax.tree.map(jnp.asarray, (tumbling_view,)), body, jax.tree.map(jnp.asarray, context))
  assert on_host.dtype == np.float32 == on_device.dtype
  np.testing.assert_allclose(on_host, on_device, atol=1e-6)


@pytest.mark.parametrize('name', CLIP)
def test_the_normative_gait_has_a_mirror_image(name, body):
  """Half a stride later: phase with the opposite sign, and left joints for right ones."""
  maker = maker_of(TaskConfig(context=('reference_motion',), clip='gait:1.2'), body)
  assert maker.parts[0].symmetric
  found = observation_map(observe_all((name,)), body, maker)
  if name == 'clip_phase':
    assert (found.sources.tolist(), found.signs.tolist()) == ([0, 1], [-1, -1])
  if name == 'clip_offset':
    assert (found.sources.tolist(), found.signs.tolist()) == ([*range(6)], [1, -1, 1, -1, 1, -1])
