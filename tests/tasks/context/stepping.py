"""Robots whose every number is chosen by hand, and the steps of their context."""

import math

import mujoco
import numpy as np

from mjx_humanoid.core.config.task import CommandConfig, GaitConfig, StationConfig, TaskConfig
from mjx_humanoid.core.types import View
from mjx_humanoid.tasks.context import make_context

DT = 0.025  # s, a control step of the humanoid
NQ, NV, NU = 28, 27, 21
SAMPLED = {'kind': 'sampled', 'low': (-0.5, -0.4, -1.0), 'high': (1.5, 0.4, 1.0)}


def maker_of(body, command=None, station=None, gait=None, **task):
  """The context of a task whose sections differ from the defaults by these settings."""
  sections = {
    'command': CommandConfig(**(command or {})),
    'station': StationConfig(**(station or {})),
    'gait': GaitConfig(**(gait or {})),
  }
  return make_context(TaskConfig(**sections, **task), body)


def facing(*angles):
  """qpos [n, 28] of robots on their feet at the origin that face these angles in rad, leaning forward by 0.3 rad."""
  qpos = np.zeros((len(angles), NQ), np.float32)
  qpos[:, 2] = 1.28
  for row, angle in zip(qpos, angles, strict=True):
    turn, lean, both = np.zeros(4), np.zeros(4), np.zeros(4)
    mujoco.mju_axisAngle2Quat(turn, np.array([0, 0, 1.0]), angle)
    mujoco.mju_axisAngle2Quat(lean, np.array([0, 1.0, 0]), 0.3)
    mujoco.mju_mulQuat(both, turn, lean)
    row[3:7] = both
  return qpos


def seen(qpos=None, qvel=None, ctrl=None):
  """A view [n, ...]: by default one robot at rest at the origin, on its feet, under no control."""
  qpos = facing(0.0) if qpos is None else qpos
  shape = qpos.shape[:-1]
  qvel = np.zeros((*shape, NV), np.float32) if qvel is None else qvel
  ctrl = np.zeros((*shape, NU), np.float32) if ctrl is None else ctrl
  return View(None, *(np.asarray(x, dtype=np.float32) for x in (qpos, qvel, ctrl)), None)


def at(ahead, left, velocity=(0.0, 0.0)):
  """A robot that faces +y, this far ahead and to the left of the origin, and its velocity in the same directions."""
  qpos, qvel = facing(math.pi / 2), np.zeros((1, NV), np.float32)
  qpos[0, :2], qvel[0, :2] = (-left, ahead), (-velocity[1], velocity[0])
  return seen(qpos, qvel)


def draws(maker, count, uniform):
  """All random numbers of a step, [count, draws]."""
  return np.full((count, maker.draws), uniform, dtype=np.float32)


def begin(maker, angles=(0.0,), uniform=0.5, **more):
  """The context of episodes that begin at the origin, facing these angles."""
  return maker.start(seen(facing(*angles)), draws(maker, len(angles), uniform), **more)


def advanced(maker, context, view, uniform=0.5, **more):
  """The context one control step later."""
  return maker.advance(context, view, draws(maker, len(context.step), uniform), **more)


def later(maker, context, steps, uniform=0.5, **more):
  """The context some steps later, of robots that stay where they are."""
  view = seen(facing(*[0.0] * len(context.step)))
  for _ in range(steps):
    context = advanced(maker, context, view, uniform, **more)
  return context
