"""The cameras, the light and, where a file has none, the floor of a model."""

from __future__ import annotations

import mujoco

from mjx_humanoid.core.robot import Robot

FOLLOWING = mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM
# Cameras from ahead and to the side at eye level, and from straight ahead, for a robot whose root is 1 m high.
CAMERAS = {
  'track': ([1.9, -2.1, 0.15], [0.741, 0.671, 0, -0.1, 0.11, 0.99]),
  'front': ([3.4, 0, 0.1], [0, 1, 0, -0.08, 0, 1]),
}


FLOOR = 'floor'  # name of an added floor


def add_floor(spec: mujoco.MjSpec, name: str, height: float) -> None:
  """Adds a floor at this height in m."""
  plane = mujoco.mjtGeom.mjGEOM_PLANE
  spec.worldbody.add_geom(name=name, type=plane, size=[40, 40, 40], pos=[0, 0, height], rgba=[0.6, 0.65, 0.7, 1])


def add_cameras(spec: mujoco.MjSpec, robot: Robot) -> None:
  """Adds the cameras of this package; they replace cameras of the same name in the file."""
  for camera in list(spec.cameras):
    if camera.name in CAMERAS:
      spec.delete(camera)
  for name, (pos, axes) in CAMERAS.items():
    spec.body(robot.root).add_camera(name=name, pos=pos, xyaxes=axes, mode=FOLLOWING)


def add_light(spec: mujoco.MjSpec) -> None:
  """Light from where the camera is, and soft shadows."""
  spec.visual.headlight.ambient = [0.35, 0.35, 0.35]
  spec.visual.headlight.diffuse = [0.45, 0.45, 0.45]
  spec.visual.quality.shadowsize = 2048
