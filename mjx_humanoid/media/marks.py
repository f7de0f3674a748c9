"""What films show beside the robot: arrows for pushes and the commanded velocity, the policy's name, and a clock."""

from __future__ import annotations

import numpy as np

from mjx_humanoid.core.types import View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.camera import Arrow
from mjx_humanoid.physics.rotations import to_world
from mjx_humanoid.playback.rollout import Trajectories
from mjx_humanoid.tasks.context.context import MOVING

MARGIN = 8  # pixels
RED, BLUE = (0.9, 0.15, 0.1, 1.0), (0.1, 0.45, 1.0, 1.0)  # of pushes, of commands
PUSH_SCALE = 0.5 / 150  # m of arrow per N
COMMAND_SCALE = 0.6  # m of arrow per m/s
ABOVE = 0.4  # of standing height, from the root to the arrow of a push: beside the torso it would be hidden
CLEAR = 0.2  # m between the root's axis and the arrow of a command
FLOOR = 0.03  # m, height of the arrow of a command


def arrows(paths: Trajectories, body: Body, step: int) -> list[Arrow]:
  """The arrows of one step of the first episode: see `arrows_at`."""
  view = type(paths.views)(*(field[0, step] for field in paths.views))
  context = paths.contexts
  push = np.zeros(3) if paths.pushes is None else paths.pushes[0, step]
  return arrows_at(view, body, push, context.command[0, step], context.heading[0, step])


def arrows_at(view: View, body: Body, push: np.ndarray, command: np.ndarray, heading: np.ndarray) -> list[Arrow]:
  """Red above the robot for a push, blue on the floor for the command.

  Args:
    view: of one environment.
    push: [3] N on the root.
    command: [3] forward, left [m/s], turning left [rad/s].
    heading: [2] unit vector on the floor that the command refers to.
  """
  root = np.array([*body.position(view)[:2], body.height(view)])
  found = []
  if push.any():
    middle = root + np.array([0.0, 0.0, ABOVE * body.robot.standing_height])
    half = PUSH_SCALE / 2 * push
    found.append(Arrow(middle - half, middle + half, RED))
  velocity = to_world(command[:2].astype(float), heading.astype(float))
  if (speed := np.linalg.norm(velocity)) > MOVING:
    tail = np.array([*(root[:2] + CLEAR * velocity / speed), FLOOR])
    found.append(Arrow(tail, tail + COMMAND_SCALE * np.array([*velocity, 0.0]), BLUE))
  return found


def labelled(image: np.ndarray, text: str = '', clock: str = '') -> np.ndarray:
  """A copy of the image with a text in its upper left corner and the time in its upper right one."""
  from PIL import Image, ImageDraw, ImageFont

  picture = Image.fromarray(image)
  draw = ImageDraw.Draw(picture)
  font = ImageFont.load_default(max(12, image.shape[0] // 24))
  for words, x, anchor in ((text, MARGIN, 'la'), (clock, image.shape[1] - MARGIN, 'ra')):
    if words:
      draw.text((x, MARGIN), words, anchor=anchor, font=font, fill='white', stroke_width=2, stroke_fill='black')
  return np.asarray(picture)
