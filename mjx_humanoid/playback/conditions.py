"""Conditions of report cards: each takes figures, paths and body, and says which episodes meet it, bool [N].

Goals take paths and body, and say where a skill is done, bool [N, T].
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import along, to_world
from mjx_humanoid.playback.card import Judge
from mjx_humanoid.playback.figures import Figures, after, mean, most, tilt, touching
from mjx_humanoid.playback.rollout import Trajectories
from mjx_humanoid.tasks.context.context import MOVING
from mjx_humanoid.tasks.context.reference_motion import ANGLES, entry

# Shares of standing height; the metres are those of a humanoid of 1.282 m.
LEVEL, DRIFT = 0.05 / 1.282, 0.5 / 1.282  # for standing: error of the mean height, and distance from the start
ASIDE = 1.5 / 1.282  # for walking: distance from the line ahead
UPRIGHT = 0.1 / 1.282  # error of the height of an upright robot
WALKING, RUNNING, STROLL = (1.2, 0.0, 0.0), (3.5, 0.0, 0.0), (1.0, 0.0, 0.0)  # commands where a task has none
LATER = 5.0  # s after a start in any pose, by which the robot walks
JOINT_ERROR = 10.0  # degrees
SLOWER = 0.5  # m/s below the command, of running


def survived(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """The episode did not end early."""
  return figures['survived'] == 1


def below(figure: str, limit: float) -> Judge:
  """The figure is less than a limit."""
  return lambda figures, paths, body: figures[figure] < limit


def level(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """Mean height within 5 cm of standing."""
  size = body.robot.standing_height
  return np.abs(figures['mean_height'] - size) < LEVEL * size


def stays(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """Drift below 0.5 m."""
  return figures['drift'] < DRIFT * body.robot.standing_height


def commanded(paths: Trajectories, default: Sequence[float]) -> np.ndarray:
  """The commands [N, 3] of episodes with one command each; the default for robots that nothing commands to move."""
  command = np.round(paths.contexts.requested[:, 0].astype(float), 6)  # of float32: 1.2, not 1.2000000477
  moves = np.abs(command[:, :2]).max(axis=1) > MOVING
  return np.where(moves[:, None], command, np.asarray(default, float))


def progress(figures: Figures, command: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Mean speed [N] along the commands [N, 3], in m/s, and the speed [N] that they ask for."""
  wanted = np.linalg.norm(command[:, :2], axis=1)
  forward, aside = (command[:, :2] / wanted[:, None]).T
  return figures['forward_speed'] * forward + figures.get('leftward_speed', 0.0) * aside, wanted


def at_speed(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """The commanded speed +- 0.2 m/s."""
  speed, wanted = progress(figures, commanded(paths, WALKING))
  return np.abs(speed - wanted) <= 0.2


def on_course(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """Less than 1.5 m aside: from the line ahead, or from the curve that other commands add up to."""
  command = commanded(paths, WALKING)
  limit = ASIDE * body.robot.standing_height
  straight = (np.abs(command[:, 1:]) < MOVING).all(axis=1)
  return np.where(straight, figures['sideways'] < limit, off_course(paths, body, command) < limit)


def off_course(paths: Trajectories, body: Body, command: np.ndarray) -> np.ndarray:
  """The largest distance [N] in m across the commanded direction, from the place that the commands add up to."""
  heading = along_command(paths.contexts.heading, command)
  offset = body.position(paths.views)[..., :2] - paths.contexts.target_position
  across = np.abs(offset[..., 1] * heading[..., 0] - offset[..., 0] * heading[..., 1])
  return most(across, ~np.logical_or.accumulate(paths.terminated, axis=1))


def along_command(heading: np.ndarray, command: np.ndarray) -> np.ndarray:
  """The commanded directions of motion [N, T, 2] on the floor, unit vectors, at target headings [N, T, 2]."""
  return to_world(command[:, None, :2] / np.linalg.norm(command[:, None, :2], axis=-1, keepdims=True), heading)


def walking_gait(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """Duty factors of 0.5 to 0.75."""
  return (figures['least_duty'] >= 0.5) & (figures['most_duty'] <= 0.75)


def walking_later(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """From 5 s on, upright at every step, and on average at the commanded speed +- 0.2 m/s."""
  later = after(~np.logical_or.accumulate(paths.terminated, axis=1), LATER, body)
  command = commanded(paths, STROLL)
  with np.errstate(invalid='ignore', over='ignore'):  # episodes that have diverged, and so ended
    velocity = along(body.sensor(paths.views, 'com_vel')[..., :2], along_command(paths.contexts.heading, command))
  figures['later_speed'] = mean(velocity[..., 0], later)
  figures['later_on_feet'] = mean(on_feet(paths, body), later)
  wanted = np.linalg.norm(command[:, :2], axis=1)
  return (np.abs(figures['later_speed'] - wanted) <= 0.2) & (figures['later_on_feet'] == 1)


def on_feet(paths: Trajectories, body: Body) -> np.ndarray:
  """The root above the height at which a robot can hardly recover its balance; bool [N, T]."""
  return np.asarray(body.root_sensor(paths.views, 'pos')[..., 2] > body.robot.off_balance_height)


def fast(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """No more than 0.5 m/s slower than commanded, after the first two seconds."""
  speed, wanted = progress(figures, commanded(paths, RUNNING))
  return speed >= wanted - SLOWER


def flies(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """A flight phase in every stride."""
  return figures['strides_with_flight'] == 1


def kneeling(paths: Trajectories, body: Body) -> np.ndarray:
  """Both shins on the floor, nothing above them, tilt below 25 degrees; bool [N, T]."""
  shins = body.robot.body_parts("report card 'kneel'").shins
  may_touch = {*shins, *body.robot.feet}
  others = [name for name in body.touch_names if name not in may_touch]
  down = np.logical_and.reduce([touching(paths, body, name) for name in shins])
  other_contact = np.logical_or.reduce([touching(paths, body, name) for name in others])
  return np.asarray(down & ~other_contact & (tilt(paths, body) < 25))


def upright(paths: Trajectories, body: Body) -> np.ndarray:
  """The root within 10 cm of standing height; bool [N, T]."""
  size = body.robot.standing_height
  return np.asarray(np.abs(body.root_sensor(paths.views, 'pos')[..., 2] - size) < UPRIGHT * size)


def still(paths: Trajectories, body: Body) -> np.ndarray:
  """Upright, and at rest: the root mean square of all velocities, in m/s and rad/s, below 0.3; bool [N, T]."""
  return upright(paths, body) & (np.square(paths.views.qvel).mean(axis=-1) < 0.3**2)


def kneels(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """Kneeling at every step from 3 s on."""
  figures['kneeling'] = share_after(kneeling(paths, body), 3.0, body)
  return figures['kneeling'] == 1


def gets_up(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """At standing height at every step from 5 s on."""
  up = upright(paths, body)
  figures['standing'] = share_after(up, 5.0, body)
  # The time after which the root was never lower again.
  last = up.shape[1] - np.argmax(~up[:, ::-1], axis=1)
  figures['seconds_to_stand'] = np.where((~up).any(axis=1), last, 0) * body.control_step
  return figures['standing'] == 1


def share_after(held: np.ndarray, seconds: float, body: Body) -> np.ndarray:
  """Share [N] of the steps after `seconds` at which `held` [N, T] is True."""
  return mean(held, after(np.ones_like(held), seconds, body))


def with_clip(figures: Figures, paths: Trajectories, body: Body) -> np.ndarray:
  """Joints within 10 degrees of those of the clip, as the mean over all of them and all steps. Raises UserError."""
  wanted = entry(paths.contexts, ANGLES, "report card 'imitate'")
  with np.errstate(invalid='ignore', over='ignore'):  # episodes that have diverged, and so ended
    error = np.degrees(np.abs(body.joint_angles(paths.views) - wanted).mean(axis=-1))
  figures['joint_error'] = mean(error, ~np.logical_or.accumulate(paths.terminated, axis=1))
  return figures['joint_error'] <= JOINT_ERROR


def follows(figure: str, limit: float) -> Judge:
  """The error is at most a limit."""
  return lambda figures, paths, body: figures[figure] <= limit
