"""Distributions of start states, by name. They are sampled on the host with NumPy.

To add one, write a function here under `@STARTS.register()`.
"""

from __future__ import annotations

import numpy as np

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.registry import Registry
from mjx_humanoid.core.user_objects import is_own
from mjx_humanoid.motions.clip_table import clip_table
from mjx_humanoid.motions.given_states import given, is_of_policies, policies_of
from mjx_humanoid.motions.library import find_library, is_library, typed
from mjx_humanoid.motions.random_poses import random_poses
from mjx_humanoid.motions.rising import LIE_HEIGHT, PRONE, SETTLE_SECONDS, SQUATS, rise_path
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import quaternion_about_z, quaternion_product
from mjx_humanoid.tasks.functions import SettleFn, StartFn
from mjx_humanoid.tasks.trials import attempt

STARTS: Registry[StartFn] = Registry('start')

# Standard deviations of perturbations at strength 1. The extrapolated centre of mass is then above the soles in nearly
# all start states, so that the robot can stand without a step.
JOINT_NOISE = 0.03  # rad
TILT_NOISE = 0.015  # rad, about each axis
VELOCITY_NOISE = 0.05  # m/s and rad/s of the root
JOINT_VELOCITY_NOISE = 0.1  # rad/s

# Orientations of the root of a robot lying prone, supine, on its right side and on its left side.
HALF = 0.5**0.5
LYING = np.array([PRONE, [HALF, 0, -HALF, 0], [HALF, HALF, 0, 0], [HALF, -HALF, 0, 0]])
# The same for a trunk that is level in the standing pose: on its belly, on its back, on its sides. It is longer than
# the robot is high, so that it is dropped from further up.
LYING_LEVEL = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [HALF, HALF, 0, 0], [HALF, -HALF, 0, 0]])
LEVEL_DROP = 1.3
KINDS = 4  # prone, supine, on a side, tumbling
DROP_HEIGHT = 0.7 / 1.282  # of standing height: the root of a tumbling robot when it is dropped
# The start `rising`. With growing strength: on the path, then anywhere along its leap with growing perturbations, then
# lying prone, then lying in any pose.
SHALLOWEST = 0.9  # least depth of a start state, as a share of the strength
ALONG, BESIDE, FACE_DOWN = 0.6, 0.75, 0.8
ON_THE_PATH, BESIDE_IT = 0.5, 8.0  # strength of perturbations on the path, and largest strength beside it
SETTLED = frozenset({'fallen', 'rising'})  # starts that need physics
OF_CLIPS = frozenset({'clip', 'clip_beginning', 'clip_or_standing'})  # starts that need a clip
SEARCHED = frozenset({'rising'})  # starts that need a search, except at full strength

Starts = tuple[np.ndarray, np.ndarray]  # qpos [n, nq], qvel [n, nv]


@STARTS.register()
def standing(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """The standing pose, arms hanging, at a random heading; joints, tilt and velocities are perturbed."""
  return perturbed(np.repeat(body.relaxed_qpos[None], len(strength), axis=0), body, rng, strength)


@STARTS.register()
def keyframes(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """The keyframes of the robot's MJCF file, perturbed like the standing pose."""
  if not body.keyframes:
    raise UserError(f"start 'keyframes': the MJCF file of robot {body.robot.name!r} has none.")
  poses = np.stack(list(body.keyframes.values()))
  return perturbed(poses[rng.integers(len(poses), size=len(strength))], body, rng, strength)


@STARTS.register()
def uniform_noise(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """The standing pose; to every element of qpos and qvel is added uniform noise of up to the strength."""
  shape, scale = (len(strength), body.nq), strength[:, None]
  qpos = body.default_qpos + rng.uniform(-1, 1, shape) * scale
  return qpos, rng.uniform(-1, 1, (len(strength), body.nv)) * scale


@STARTS.register()
def moving_noise(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """The same as uniform_noise, but for velocities: normal noise whose standard deviation is the strength."""
  qpos, qvel = uniform_noise(body, rng, strength, settle)
  return qpos, rng.normal(size=qvel.shape) * strength[:, None]


@STARTS.register('fallen')
def lying(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """Lying on the floor: prone, supine, on a side, or at rest after a random fall of a limp robot."""
  return at_rest(rng.integers(KINDS, size=len(strength)), body, rng, strength, settle)


@STARTS.register()
def rising(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """A reverse curriculum: standing, further down a path to the floor, beside the path, lying in any pose.

  The strength sets the stage. Each stage is close to the previous one, so that the policy learns in small steps. At
  strength 1 it is the same as `fallen`.
  """
  depth = np.minimum(strength, 1.0) * rng.uniform(SHALLOWEST, 1.0, len(strength))
  qpos, qvel = np.zeros((len(depth), body.nq)), np.zeros((len(depth), body.nv))
  down, rows = np.flatnonzero(depth >= BESIDE), np.flatnonzero(depth < BESIDE)
  if len(down):
    kind = np.where(depth[down] < FACE_DOWN, 0, rng.integers(KINDS, size=len(down)))
    qpos[down], qvel[down] = at_rest(kind, body, rng, strength[down], settle)
  if len(rows):  # starts at full strength, as in report cards, need no path
    path = rise_path(body)
    beside = np.clip((depth[rows] - ALONG) / (BESIDE - ALONG), 0.0, 1.0)
    anywhere = rng.uniform(SQUATS, 1.0, len(rows))
    target = np.where(beside > 0, anywhere, depth[rows] / ALONG)
    at = np.abs(path.depth - target[:, None]).argmin(axis=1)
    noise = np.where(strength[rows] > 0, ON_THE_PATH + (BESIDE_IT - ON_THE_PATH) * beside, 0.0)
    qpos[rows], qvel[rows] = perturbed(path.qpos[at], body, rng, noise, path.qvel[at])
  return qpos, qvel


@STARTS.register()
def any_pose(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """On the floor in a random pose: standing at strength 0, anything within the joint limits at strength 1."""
  qpos = random_poses(body, rng, np.minimum(strength, 1.0))
  return qpos, velocity_noise(body, rng, np.minimum(strength, 1.0))


def at_rest(kind: np.ndarray, body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """Limp robots at rest on the floor, dropped as `kind` [n] says: see `dropped`."""
  qpos, _ = settle(dropped(body, rng, kind), np.zeros((len(kind), body.nv)), SETTLE_SECONDS)
  return qpos, velocity_noise(body, rng, strength)


def dropped(body: Body, rng: np.random.Generator, kind: np.ndarray) -> np.ndarray:
  """Poses [n, nq] just above the floor, by kind [n]: prone, supine, on a side, tumbling."""
  n, size, joints = len(kind), body.robot.standing_height, len(body.joint_names)
  qpos = np.repeat(body.default_qpos[None].astype(np.float64), n, axis=0)
  level = body.robot.level_trunk
  rotation = (LYING_LEVEL if level else LYING)[np.where(kind < 2, kind, 2 + rng.integers(2, size=n))]
  turned = quaternion_product(quaternion_about_z(rng.uniform(-np.pi, np.pi, n)), rotation)
  anyhow = rng.normal(size=(n, 4))
  anyhow /= np.linalg.norm(anyhow, axis=1, keepdims=True)
  tumbling = kind == 3
  orientation = np.where(tumbling[:, None], anyhow, turned)
  low = np.where(tumbling, DROP_HEIGHT * size, LIE_HEIGHT * size)
  qpos = body.root.placed(qpos, orientation, LEVEL_DROP * size if level else low)
  # A joint that can turn further is bent by up to half a turn.
  least, most = body.default_angles - np.pi, body.default_angles + np.pi
  low_angles, high_angles = np.clip(body.joint_range.T, least, most)
  bent = rng.uniform(low_angles, high_angles, (n, joints))
  share = np.where(tumbling, 0.8, rng.uniform(0, 0.5, n))[:, None]
  angles = slice(body.root.nq, None)
  qpos[:, angles] = (1 - share) * qpos[:, angles] + share * bent
  return qpos


@STARTS.register()
def clip(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """Anywhere in the clip of config.task.clip, moving as it does, perturbed like the standing pose."""
  raise UserError("start 'clip' needs a clip; name it by config.task.clip.")


@STARTS.register()
def clip_beginning(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """In the first frame of the clip of config.task.clip, perturbed like the standing pose."""
  raise UserError("start 'clip_beginning' needs a clip; name it by config.task.clip.")


@STARTS.register()
def clip_or_standing(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
  """Half of the episodes as `clip`, half as `standing`, for clips that the robot should be able to walk into."""
  raise UserError("start 'clip_or_standing' needs a clip; name it by config.task.clip.")


def from_clip(name: str, reference: str, *, once: bool) -> StartFn:
  """A start in a clip: reference-state initialisation, as in DeepMimic. Raises UserError like clip_table.

  Args:
    name: one of OF_CLIPS.
    once: see config.task.clip_once.
  """

  def start(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
    table, n = clip_table(reference, body, once=once), len(strength)
    rows = np.zeros(n, int) if name == 'clip_beginning' else rng.integers(len(table), size=n)
    qpos, qvel = table.qpos[rows], table.qvel[rows].astype(np.float64)
    if name == 'clip_or_standing':
      qpos[::2], qvel[::2] = body.relaxed_qpos, 0.0
    return perturbed(qpos, body, rng, strength, qvel)

  return start


def make_start(name: str, config: TaskConfig | None = None) -> StartFn:
  """The start distribution of this name, at the poses of a 'path/to/file.npz' with qpos [K, nq], or of policies.

  Args:
    config: of the task, for starts in its clip.

  Raises:
    UserError: an unknown name, or a file that cannot be read.
  """
  if name in OF_CLIPS and config is not None and config.clip:
    return from_clip(name, config.clip, once=config.clip_once)
  if is_of_policies(name):
    return from_policies(name)
  if is_library(name):
    return from_poses(name)
  return checked(STARTS[name], name) if is_own(name) else STARTS[name]


def checked(function: StartFn, name: str) -> StartFn:
  """A user's own start whose start states are checked. It raises UserError with the name of the start."""
  what = f'start {name!r}'

  def start(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
    drawn = attempt(what, function, function, body, rng, strength, settle)
    wanted = f'two arrays: qpos [n, {body.nq}] and qvel [n, {body.nv}], n = len(strength) = {len(strength)}'
    if drawn is None:
      raise UserError(f'{what} returns nothing; it must return {wanted}.')
    if not isinstance(drawn, tuple | list) or len(drawn) != 2:
      kind = f'{len(drawn)} values' if isinstance(drawn, tuple | list) else f'a {type(drawn).__name__}'
      raise UserError(f'{what} must return {wanted}; it returns {kind}.')
    arrays = [attempt(what, function, np.asarray, array) for array in drawn]
    for label, value, array in zip(('qpos', 'qvel'), drawn, arrays, strict=True):
      if array.dtype.kind not in 'biuf':
        raise UserError(f'{what} must return {wanted}; its {label} is a {type(value).__name__}.')
    qpos, qvel = (array.astype(np.float64) for array in arrays)
    for label, array, width in (('qpos', qpos, body.nq), ('qvel', qvel, body.nv)):
      if array.shape != (len(strength), width):
        raise UserError(f'{what}: {label} has shape {array.shape} for n = {len(strength)}; it must be (n, {width}).')
      if not np.isfinite(array).all():
        bad = (~np.isfinite(array).all(axis=1)).sum()
        raise UserError(f'{what}: {label} is not finite in {bad} of {len(strength)} start states.')
    return qpos, qvel

  return start


def from_poses(name: str) -> StartFn:
  """A start at the poses of a library, perturbed like the standing pose. Raises UserError for a bad file.

  Args:
    name: an .npz file, or what a library that came inside a policy file is called.
  """
  library, source = find_library(name), typed(name)

  def start(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
    library.check(body, source)
    normalized = body.root.normalized(library.qpos, source)
    return perturbed(normalized[rng.integers(len(normalized), size=len(strength))], body, rng, strength)

  return start


def from_policies(name: str) -> StartFn:
  """A start at states that policies have reached, perturbed like the standing pose. Raises UserError; see given."""
  policies_of(name)  # an error is raised now

  def start(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
    states = given(name)
    rows = rng.integers(len(states.qpos), size=len(strength))
    return perturbed(states.qpos[rows], body, rng, strength, states.qvel[rows])

  return start


def at_pose(qpos: np.ndarray, *, noise: bool) -> StartFn:
  """A start in one pose [nq] at rest: exactly there, or with noise perturbed like the standing pose."""

  def start(body: Body, rng: np.random.Generator, strength: np.ndarray, settle: SettleFn) -> Starts:
    poses = np.repeat(np.asarray(qpos, np.float64)[None], len(strength), axis=0)
    return perturbed(poses, body, rng, strength) if noise else (poses, np.zeros((len(poses), body.nv)))

  return start


def perturbed(
  qpos: np.ndarray, body: Body, rng: np.random.Generator, strength: np.ndarray, qvel: np.ndarray | float = 0.0
) -> Starts:
  """These states, qpos [n, nq] and qvel [n, nv], at random headings, with perturbed joints, tilts and velocities."""
  n, root = len(qpos), body.root
  qpos, qvel = qpos.astype(np.float64), np.zeros((n, body.nv)) + qvel
  tilt = rng.normal(size=(n, 2)) * TILT_NOISE * strength[:, None]
  heading = rng.uniform(-np.pi, np.pi, n)
  qpos = root.rotated(qpos, heading, tilt)
  angles = qpos[:, root.nq :] + rng.normal(size=(n, len(body.joint_names))) * JOINT_NOISE * strength[:, None]
  qpos[:, root.nq :] = np.clip(angles, body.joint_range[:, 0], body.joint_range[:, 1])
  return qpos, root.velocity_turned(qvel, heading) + velocity_noise(body, rng, strength)


def velocity_noise(body: Body, rng: np.random.Generator, strength: np.ndarray) -> np.ndarray:
  """Random velocities [n, nv]."""
  scale = np.where(np.arange(body.nv) < body.root.nv, VELOCITY_NOISE, JOINT_VELOCITY_NOISE)
  return rng.normal(size=(len(strength), body.nv)) * scale * strength[:, None]
