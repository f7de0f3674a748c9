"""How episodes begin and end, by name. Ends serve JAX and NumPy alike; starts are drawn on the host with NumPy."""

from __future__ import annotations

from zipfile import BadZipFile

import numpy as np

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.physics.body import Body
from mjx_humanoid.core.registry import Registry
from mjx_humanoid.motions.rising import LIE_HEIGHT, ON_POSES, PRONE, SETTLE_SECONDS, way_up
from mjx_humanoid.core.types import Array, Context, SettleFn, StartFn, TerminateFn, View

TERMINATIONS: Registry[TerminateFn] = Registry('termination')
STARTS: Registry[StartFn] = Registry('start')

# Perturbations at strength 1, as standard deviations: the extrapolated centre of mass then lies within the
# soles in nearly all starts, so that standing needs no step.
JOINT_NOISE = 0.03  # rad
TILT_NOISE = 0.015  # rad, about each axis
VELOCITY_NOISE = 0.05  # m/s and rad/s of the torso
JOINT_VELOCITY_NOISE = 0.1  # rad/s

COLLAPSED = 0.3
TIPPED = 0.5**0.5  # cosine of 45 degrees
TIME_TO_RISE = 3.0  # s

# Fallen states: rotations of a robot that lies prone, supine, on its right and on its left side.
HALF = 0.5**0.5
LYING = np.array([PRONE, [HALF, 0, -HALF, 0], [HALF, HALF, 0, 0], [HALF, -HALF, 0, 0]])
KINDS = 4  # prone, supine, on a side, anyhow
DROP_HEIGHT = 0.7  # m of the torso, where a tumbling robot is let go
SHORTEST = 1e-6  # length of a quaternion that still says which way is up
SHALLOWEST = 0.9  # of the strength: the least depth of a start on the way up
# Depths of the start `rising`: down the way itself, then anywhere along its spring, ever more perturbed, then lying on
# the face, and from there on lying anyhow.
ALONG, BESIDE, FACE_DOWN = 0.6, 0.75, 0.8
ON_THE_WAY, BESIDE_IT = 0.5, 8.0  # strength of what perturbs it on the way, and at most beside it
SETTLED = frozenset({'fallen', 'rising'})  # starts that need physics
SEARCHED = frozenset({'rising'})  # starts that, but for the hardest, need a search


@TERMINATIONS.register()
def fallen(view: View, body: Body, context: Context) -> Array:
  """The torso is below the height at which anybody would call the robot standing."""
  return view.qpos[..., 2] < body.robot.fallen_height


@TERMINATIONS.register()
def off_balance(view: View, body: Body, context: Context) -> Array:
  """The torso is below 85 % of standing height: a fall that can hardly be caught any more."""
  return view.qpos[..., 2] < body.robot.off_balance_height


@TERMINATIONS.register()
def never(view: View, body: Body, context: Context) -> Array:
  """Only the time limit ends an episode."""
  return view.qpos[..., 2] < -1e9


@TERMINATIONS.register()
def overdue(view: View, body: Body, context: Context) -> Array:
  """Off balance more than 3 s after the start: it should have got up by then."""
  late = context.step * body.control_step > TIME_TO_RISE
  return late & off_balance(view, body, context)


@TERMINATIONS.register()
def tipped(view: View, body: Body, context: Context) -> Array:
  """The torso leans by more than 45 degrees, or is below half of standing height."""
  x, y = view.qpos[..., 4], view.qpos[..., 5]
  return (1 - 2 * (x * x + y * y) < TIPPED) | (view.qpos[..., 2] < 0.5 * body.robot.standing_height)


@TERMINATIONS.register()
def collapsed(view: View, body: Body, context: Context) -> Array:
  """The torso is below 30 % of standing height: lower than it can be on upright knees."""
  return view.qpos[..., 2] < COLLAPSED * body.robot.standing_height


@STARTS.register()
def standing(
  body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn
) -> tuple[np.ndarray, np.ndarray]:
  """The standing pose at a random heading, joints, tilt and velocities perturbed."""
  return perturbed(np.repeat(body.default_qpos[None], len(strength), axis=0), body, rng, strength)


@STARTS.register()
def keyframes(
  body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn
) -> tuple[np.ndarray, np.ndarray]:
  """The keyframes of the robot's MJCF file, perturbed like the standing pose."""
  poses = np.stack(list(body.keyframes.values()))
  return perturbed(poses[rng.integers(len(poses), size=len(strength))], body, rng, strength)


@STARTS.register('fallen')
def lying(
  body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn
) -> tuple[np.ndarray, np.ndarray]:
  """On the floor: prone, supine, on a side, or as a limp robot comes to lie after any fall."""
  return at_rest(rng.integers(KINDS, size=len(strength)), body, rng, strength, settle)


@STARTS.register()
def rising(
  body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn
) -> tuple[np.ndarray, np.ndarray]:
  """A reverse curriculum: standing, then ever further down a way up, then beside it, then on the face, then anyhow.

  The strength says how far. Each stage is next to the one before, so that there is little to learn from one to the
  other. At strength 1 it is the same as `fallen`.
  """
  depth = np.minimum(strength, 1.0) * rng.uniform(SHALLOWEST, 1.0, len(strength))
  qpos, qvel = np.zeros((len(depth), body.nq)), np.zeros((len(depth), body.nv))
  down, rows = np.flatnonzero(depth >= BESIDE), np.flatnonzero(depth < BESIDE)
  if len(down):
    kind = np.where(depth[down] < FACE_DOWN, 0, rng.integers(KINDS, size=len(down)))
    qpos[down], qvel[down] = at_rest(kind, body, rng, strength[down], settle)
  if len(rows):  # the hardest starts, which playback and judges take, need no way
    way = way_up(body)
    beside = np.clip((depth[rows] - ALONG) / (BESIDE - ALONG), 0.0, 1.0)
    anywhere = rng.uniform(ON_POSES, 1.0, len(rows))
    target = np.where(beside > 0, anywhere, depth[rows] / ALONG)
    at = np.abs(way.depth - target[:, None]).argmin(axis=1)
    noise = np.where(strength[rows] > 0, ON_THE_WAY + (BESIDE_IT - ON_THE_WAY) * beside, 0.0)
    qpos[rows], qvel[rows] = perturbed(way.qpos[at], body, rng, noise, way.qvel[at])
  return qpos, qvel


def at_rest(
  kind: np.ndarray, body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn
) -> tuple[np.ndarray, np.ndarray]:
  """Limp robots that have come to rest on the floor, of these kinds [n]: see `strewn`."""
  qpos, _ = settle(strewn(body, rng, kind), np.zeros((len(kind), body.nv)), SETTLE_SECONDS)
  return qpos, velocity_noise(body, rng, strength)


def strewn(body: Body, rng: np.random.Generator, kind: np.ndarray) -> np.ndarray:
  """Poses [n, nq] just above the floor that have yet to come to rest, by kind [n]: prone, supine, on a side, anyhow."""
  n = len(kind)
  qpos = np.repeat(body.default_qpos[None].astype(np.float64), n, axis=0)
  rotation = LYING[np.where(kind < 2, kind, 2 + rng.integers(2, size=n))]
  turned = quaternion_product(quaternion_about_z(rng.uniform(-np.pi, np.pi, n)), rotation)
  anyhow = rng.normal(size=(n, 4))
  anyhow /= np.linalg.norm(anyhow, axis=1, keepdims=True)
  tumbling = kind == 3
  qpos[:, 3:7] = np.where(tumbling[:, None], anyhow, turned)
  qpos[:, 2] = np.where(tumbling, DROP_HEIGHT, LIE_HEIGHT)
  bent = rng.uniform(body.joint_range[:, 0], body.joint_range[:, 1], (n, body.nq - 7))
  share = np.where(tumbling, 0.8, rng.uniform(0, 0.5, n))[:, None]
  qpos[:, 7:] = (1 - share) * qpos[:, 7:] + share * bent
  return qpos


def make_start(name: str) -> StartFn:
  """The start distribution of this name, or of the poses in a 'path/to/file.npz' with qpos [K, nq].

  Raises:
    UserError: a name that does not exist, or a file that cannot be read.
  """
  if not name.endswith('.npz'):
    return STARTS[name]
  try:
    with np.load(name, allow_pickle=False) as file:
      poses = np.asarray(file['qpos'], np.float64)
  except (OSError, EOFError, TypeError, ValueError, KeyError, BadZipFile) as error:
    detail = str(error).split('. ')[0].split('\n')[0]
    raise UserError(f'{name} is not a pose file, an .npz with an array qpos [K, nq]: {detail}') from None

  def from_file(
    body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn
  ) -> tuple[np.ndarray, np.ndarray]:
    if poses.ndim != 2 or poses.shape[1] != body.nq or not len(poses) or not np.isfinite(poses).all():
      raise UserError(f'{name} holds qpos of shape {poses.shape}; {body.robot.name} needs [K, {body.nq}], all finite.')
    lengths = np.linalg.norm(poses[:, 3:7], axis=1)
    if lengths.min() < SHORTEST:
      raise UserError(f'{name}: row {lengths.argmin()} of qpos has a rotation, elements 3 to 6, that is no quaternion.')
    drawn = poses[rng.integers(len(poses), size=len(strength))]
    drawn[:, 3:7] /= np.linalg.norm(drawn[:, 3:7], axis=1, keepdims=True)
    return perturbed(drawn, body, rng, strength)

  return from_file


def perturbed(
  qpos: np.ndarray, body: Body, rng: np.random.Generator, strength: np.ndarray, qvel: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
  """These poses [n, nq], moving at qvel [n, nv], each turned to a random heading; all but their places perturbed."""
  n = len(qpos)
  qpos, qvel = qpos.astype(np.float64), np.zeros((n, body.nv)) + qvel
  tilt = rng.normal(size=(n, 2)) * TILT_NOISE * strength[:, None]
  heading = rng.uniform(-np.pi, np.pi, n)
  qpos[:, 3:7] = quaternion_product(tilted_heading(heading, tilt), qpos[:, 3:7])
  angles = qpos[:, 7:] + rng.normal(size=(n, body.nq - 7)) * JOINT_NOISE * strength[:, None]
  qpos[:, 7:] = np.clip(angles, body.joint_range[:, 0], body.joint_range[:, 1])
  forward, left = qvel[:, 0].copy(), qvel[:, 1].copy()
  qvel[:, 0] = np.cos(heading) * forward - np.sin(heading) * left
  qvel[:, 1] = np.sin(heading) * forward + np.cos(heading) * left
  return qpos, qvel + velocity_noise(body, rng, strength)


def velocity_noise(body: Body, rng: np.random.Generator, strength: np.ndarray) -> np.ndarray:
  """Random velocities [n, nv]."""
  scale = np.where(np.arange(body.nv) < 6, VELOCITY_NOISE, JOINT_VELOCITY_NOISE)
  return rng.normal(size=(len(strength), body.nv)) * scale * strength[:, None]


def quaternion_about_z(angle: np.ndarray) -> np.ndarray:
  """Unit quaternions [n, 4] that turn by angle [n] rad about the vertical."""
  zero = np.zeros_like(angle)
  return np.stack([np.cos(angle / 2), zero, zero, np.sin(angle / 2)], axis=1)


def quaternion_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """Hamilton products [n, 4]: first b, then a."""
  (w, x, y, z), (p, q, r, s) = a.T, b.T
  return np.stack(
    [
      w * p - x * q - y * r - z * s,
      w * q + x * p + y * s - z * r,
      w * r - x * s + y * p + z * q,
      w * s + x * r - y * q + z * p,
    ],
    axis=1,
  )


def tilted_heading(heading: np.ndarray, tilt: np.ndarray) -> np.ndarray:
  """Unit quaternions [n, 4] that tilt about x and y by tilt [n, 2], then turn about z by heading [n]; rad."""
  angle = np.linalg.norm(tilt, axis=1)
  axis = tilt / np.maximum(angle, 1e-12)[:, None]
  c, s = np.cos(angle / 2), np.sin(angle / 2)
  cz, sz = np.cos(heading / 2), np.sin(heading / 2)
  # The product of (cz, 0, 0, sz) and (c, s ax, s ay, 0), written out.
  x, y = s * axis[:, 0], s * axis[:, 1]
  return np.stack([cz * c, cz * x - sz * y, cz * y + sz * x, sz * c], axis=1)
