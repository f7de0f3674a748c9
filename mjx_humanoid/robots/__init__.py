"""Datasheets of robots, one file each with the name ROBOT; a new file here is a new robot."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from mjx_humanoid.core.registry import Registry
from mjx_humanoid.core.robot import Robot


@functools.cache
def robots() -> Registry[Robot]:
  """All robots by name."""
  registry: Registry[Robot] = Registry('robot', lambda thing: isinstance(thing, Robot))
  for module in pkgutil.iter_modules(__path__):
    robot: Robot = importlib.import_module(f'{__name__}.{module.name}').ROBOT
    registry.add(robot.name, robot, robot.description)
  return registry
