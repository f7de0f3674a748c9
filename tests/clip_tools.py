"""Clips made up for tests: a person who stands or swings the legs, and a robot that sways ahead."""

from __future__ import annotations

import json

import numpy as np

from mjx_humanoid.motions.capture import COLUMNS, HIP_HEIGHT
from mjx_humanoid.motions.clip import Clip


def rows(count, seconds=0.05, **columns):
  """Frames [count, 44] of a person who stands straight; columns by name replace theirs, [count, n] or [n]."""
  parts = []
  for name, width in COLUMNS:
    usual = {'duration': [seconds], 'place': [0, HIP_HEIGHT, 0]}.get(name, [1, 0, 0, 0] if width == 4 else [0])
    parts.append(np.broadcast_to(np.asarray(columns.get(name, usual), float), (count, width)))
  return np.concatenate(parts, axis=1)


def about_z(angles):
  """Quaternions [n, 4] about DeepMimic's z axis, to the right: flexion of hips and ankles is positive."""
  half = np.asarray(angles) / 2
  return np.stack([np.cos(half), 0 * half, 0 * half, np.sin(half)], axis=-1)


def write_person(path, frames, loop='wrap'):
  path.write_text(json.dumps({'Loop': loop, 'Frames': np.asarray(frames).tolist()}))
  return path


def stepping(count=21):
  """A person who walks: hips swing by 0.4 rad, knees bend in the swing, the pelvis goes on by 1 m."""
  phase = 2 * np.pi * np.arange(count) / (count - 1)
  columns = {'place': np.stack([phase / (2 * np.pi), 0.86 + 0 * phase, 0 * phase], axis=1)}
  for side, sign in (('left', 1), ('right', -1)):
    swing = sign * np.sin(phase)
    bend = 0.6 * np.maximum(sign * np.cos(phase), 0) + 0.1
    columns[f'{side}_hip'] = about_z(0.4 * swing + bend / 3)
    columns[f'{side}_knee'] = -bend[:, None]
    columns[f'{side}_ankle'] = about_z(bend / 3)
  return rows(count, **columns)


def swaying(body, count=21, duration=1.0, ahead=0.5):
  """A loop of the robot: its joints sway by 0.1 rad about the standing pose, while it goes on by `ahead` m."""
  share = np.linspace(0, 1, count)
  qpos = np.repeat(body.default_qpos[None].astype(float), count, axis=0)
  qpos[:, 0] = ahead * share
  qpos[:, 7:] -= 0.1 - 0.1 * np.cos(2 * np.pi * share)[:, None] * np.sign(0.5 - np.arange(21) % 2)
  qpos[:, 7:] = np.clip(qpos[:, 7:], *body.joint_range.T)
  return Clip('sway', body.robot.name, body.joint_names, duration * share, qpos, loop=True, source='made up')


def written(clip, path):
  path.write_bytes(clip.content())
  return path
