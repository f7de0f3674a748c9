"""Distances of a robot's parts from the floor and from each other, and how they change with its joints."""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import mujoco
import numpy as np

from mjx_humanoid.motions.skeleton import Rig

FAR = 5.0  # m, the largest distance that is measured
CLEAR = 0.01  # m; parts that are nearer to each other in the standing pose may overlap in any pose


class Gap(NamedTuple):
  """The distance between two geoms."""

  distance: float  # m, negative where they overlap
  slope: np.ndarray  # [nv] m/rad and m/m, its derivative


def own_geoms(rig: Rig) -> list[int]:
  """Ids of the robot's geoms."""
  model, root = rig.model, rig.body.root.body
  return [geom for geom in range(model.ngeom) if model.body_rootid[model.geom_bodyid[geom]] == root]


def foot_geoms(rig: Rig, foot: str) -> list[int]:
  """Ids of the geoms of a foot."""
  return [geom for geom in own_geoms(rig) if rig.model.geom_bodyid[geom] == rig.model.body(foot).id]


def floor_gaps(rig: Rig) -> dict[int, float]:
  """Height in m of the lowest point of each of the robot's geoms above the floor, in the pose of the last `move`."""
  floor = rig.model.geom(rig.body.robot.floor).id
  return {geom: mujoco.mj_geomDistance(rig.model, rig.data, floor, geom, FAR, None) for geom in own_geoms(rig)}


def lowest(rig: Rig, qpos: np.ndarray) -> float:
  """Height in m of the robot's lowest point above the floor in a pose [nq]."""
  rig.move(qpos)
  return min(floor_gaps(rig).values())


def grounded(rig: Rig, qpos: np.ndarray) -> np.ndarray:
  """The pose [nq] raised or lowered until its lowest point is on the floor."""
  root = rig.body.root
  height = float(root.height(qpos))
  raised = root.placed(qpos[None], root.quaternion(qpos).copy(), height + 2 * FAR / 5)[0]  # clear, so that it is exact
  return root.placed(raised[None], root.quaternion(raised).copy(), float(root.height(raised)) - lowest(rig, raised))[0]


def floor_gap(rig: Rig, geom: int) -> Gap:
  """The gap between a geom and the floor."""
  ends = np.zeros(6)
  floor = rig.model.geom(rig.body.robot.floor).id
  distance = mujoco.mj_geomDistance(rig.model, rig.data, floor, geom, FAR, ends)
  return Gap(distance, _jacobian(rig, ends[3:], geom)[2])


def gap(rig: Rig, a: int, b: int, within: float = FAR) -> Gap:
  """The gap between two geoms; its slope is zero beyond `within`, in m."""
  ends = np.zeros(6)
  distance = mujoco.mj_geomDistance(rig.model, rig.data, a, b, within, ends)
  slope = np.zeros(rig.model.nv)
  line = ends[3:] - ends[:3]
  length = float(np.linalg.norm(line))
  if distance < within and length > 1e-9:
    normal = line / length * (1.0 if distance > 0 else -1.0)
    slope = normal @ (_jacobian(rig, ends[3:], b) - _jacobian(rig, ends[:3], a))
  return Gap(distance, slope)


def _jacobian(rig: Rig, point: np.ndarray, geom: int) -> np.ndarray:
  found = np.zeros((3, rig.model.nv))
  mujoco.mj_jac(rig.model, rig.data, found, None, point, int(rig.model.geom_bodyid[geom]))
  return found


@functools.lru_cache(maxsize=4)
def own_pairs(rig: Rig) -> tuple[tuple[int, int], ...]:
  """Pairs of the robot's geoms that must not overlap.

  Left out are geoms of one body, of neighbouring bodies, and pairs that overlap or nearly touch in the standing pose.
  """
  model, found = rig.model, []
  rig.move(rig.body.default_qpos.astype(float))
  geoms = own_geoms(rig)
  for i, a in enumerate(geoms):
    for b in geoms[i + 1 :]:
      one, other = int(model.geom_bodyid[a]), int(model.geom_bodyid[b])
      neighbours = one == other or model.body_parentid[one] == other or model.body_parentid[other] == one
      if not neighbours and mujoco.mj_geomDistance(model, rig.data, a, b, FAR, None) > CLEAR:
        found.append((a, b))
  return tuple(found)


def overlaps(rig: Rig, qpos: np.ndarray) -> float:
  """The deepest overlap in m of parts of the robot in a pose [nq]; 0 without any."""
  rig.move(qpos)
  distances = [mujoco.mj_geomDistance(rig.model, rig.data, a, b, CLEAR, None) for a, b in own_pairs(rig)]
  return max(0.0, -min(distances, default=0.0))


def support(rig: Rig, below: float = 0.02) -> tuple[np.ndarray, list[int]]:
  """Places [n, 2] on the floor of what is at most `below` m above it, in the pose of the last `move`; and its bodies.

  A capsule gives the points below both of its ends, a box its corners, anything else the point that is nearest to the
  floor.
  """
  places, carriers = [], []
  top = rig.data.geom(rig.body.robot.floor).xpos[2] + below + 1e-9
  for geom, height in floor_gaps(rig).items():
    if height <= below:
      carriers.append(int(rig.model.geom_bodyid[geom]))
      places += [place[:2] for place in _places(rig, geom) if place[2] <= top]
  return np.array(places).reshape(-1, 2), sorted(set(carriers))


def _places(rig: Rig, geom: int) -> np.ndarray:
  """Points [n, 3] of a geom's surface on which it may stand."""
  middle, axes = rig.data.geom_xpos[geom], rig.data.geom_xmat[geom].reshape(3, 3)
  size, kind = rig.model.geom_size[geom], rig.model.geom_type[geom]
  if kind == mujoco.mjtGeom.mjGEOM_BOX:
    return np.asarray(middle + np.array(list(itertools.product((-1, 1), repeat=3))) * size @ axes.T)
  if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
    return np.asarray([middle + side * size[1] * axes[:, 2] - (0, 0, size[0]) for side in (1, -1)])
  ends = np.zeros(6)
  mujoco.mj_geomDistance(rig.model, rig.data, rig.model.geom(rig.body.robot.floor).id, geom, FAR, ends)
  return ends[None, 3:]


def nearest_in_hull(points: np.ndarray, place: np.ndarray) -> np.ndarray:
  """The point [2] of the convex hull of points [n, 2] that is nearest to a place [2]."""
  if len(points) == 1:
    return np.asarray(points[0])
  best, best_distance, left, right = points[0], np.inf, False, False
  hull = _hull(points)
  for start, end in zip(hull, np.roll(hull, -1, axis=0), strict=True):
    edge, to = end - start, place - start
    share = np.clip(to @ edge / max(edge @ edge, 1e-12), 0.0, 1.0)
    distance = float(np.linalg.norm(to - share * edge))
    side = edge[0] * to[1] - edge[1] * to[0]
    left, right = left or side > 0, right or side < 0
    if distance < best_distance:
      best, best_distance = start + share * edge, distance
  inside = len(hull) > 2 and not (left and right)
  return np.asarray(place if inside else best)


def _hull(points: np.ndarray) -> np.ndarray:
  """The corners [k, 2] of the convex hull, counterclockwise (Andrew's monotone chain)."""
  ordered = np.unique(points, axis=0)
  if len(ordered) < 3:
    return ordered

  def chain(rows: np.ndarray) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for row in rows:
      while len(found) > 1:
        a, b = found[-1] - found[-2], row - found[-2]
        if a[0] * b[1] - a[1] * b[0] > 0:
          break
        found.pop()
      found.append(row)
    return found[:-1]

  return np.array([*chain(ordered), *chain(ordered[::-1])])
