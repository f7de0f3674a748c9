"""How episodes begin and end, by name. Ends serve JAX and NumPy alike; starts are drawn on the host with NumPy."""

from __future__ import annotations

import numpy as np

from mjx_humanoid.physics.body import Body
from mjx_humanoid.registry import Registry
from mjx_humanoid.types import Array, Context, StartFn, TerminateFn, View

TERMINATIONS: Registry[TerminateFn] = Registry('termination')
STARTS: Registry[StartFn] = Registry('start')

# Perturbations at strength 1, as standard deviations: the extrapolated centre of mass then lies within the
# soles in nearly all starts, so that standing needs no step.
JOINT_NOISE = 0.03  # rad
TILT_NOISE = 0.015  # rad, about each axis
VELOCITY_NOISE = 0.05  # m/s and rad/s of the torso
JOINT_VELOCITY_NOISE = 0.1  # rad/s

OFF_BALANCE = 0.85  # of standing height


@TERMINATIONS.register()
def fallen(view: View, body: Body, context: Context) -> Array:
  """The torso is below the height at which anybody would call the robot standing."""
  return view.qpos[..., 2] < body.robot.fallen_height


@TERMINATIONS.register()
def off_balance(view: View, body: Body, context: Context) -> Array:
  """The torso is below 85 % of standing height: a fall that can hardly be caught any more."""
  return view.qpos[..., 2] < OFF_BALANCE * body.robot.standing_height


@TERMINATIONS.register()
def never(view: View, body: Body, context: Context) -> Array:
  """Only the time limit ends an episode."""
  return view.qpos[..., 2] < -1e9


@STARTS.register()
def standing(body: Body, rng: np.random.Generator, n: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
  """The standing pose at a random heading, joints, tilt and velocities perturbed."""
  qpos = np.repeat(body.default_qpos[None].astype(np.float64), n, axis=0)
  tilt = rng.normal(size=(n, 2)) * TILT_NOISE * strength
  qpos[:, 3:7] = tilted_heading(rng.uniform(-np.pi, np.pi, n), tilt)
  angles = qpos[:, 7:] + rng.normal(size=(n, body.nq - 7)) * JOINT_NOISE * strength
  qpos[:, 7:] = np.clip(angles, body.joint_range[:, 0], body.joint_range[:, 1])
  scale = np.where(np.arange(body.nv) < 6, VELOCITY_NOISE, JOINT_VELOCITY_NOISE)
  qvel = rng.normal(size=(n, body.nv)) * scale * strength
  return qpos, qvel


def tilted_heading(heading: np.ndarray, tilt: np.ndarray) -> np.ndarray:
  """Unit quaternions [n, 4] that tilt about x and y by tilt [n, 2], then turn about z by heading [n]; rad."""
  angle = np.linalg.norm(tilt, axis=1)
  axis = tilt / np.maximum(angle, 1e-12)[:, None]
  c, s = np.cos(angle / 2), np.sin(angle / 2)
  cz, sz = np.cos(heading / 2), np.sin(heading / 2)
  # The product of (cz, 0, 0, sz) and (c, s ax, s ay, 0), written out.
  x, y = s * axis[:, 0], s * axis[:, 1]
  return np.stack([cz * c, cz * x - sz * y, cz * y + sz * x, sz * c], axis=1)
