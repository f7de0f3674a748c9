"""A training of points (see points.py) on several devices or in several processes; run as a program.

  python together.py DEVICES FOLDER ENGINE [--resume] [--preempted]

ENGINE: `traced` for physics inside the jitted program, `host` for physics that is stepped from the host. The
environment says which process this is, as for the command train; the first one writes the learner to FOLDER/out.npz.
--resume trains twice as long as without, from a checkpoint if there is one. --preempted sends the process SIGTERM after
its second update.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import jax
import numpy as np
import points

from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.run import hosts
from mjx_humanoid.run.devices import Devices, mesh_of
from mjx_humanoid.run.listeners import Callback
from mjx_humanoid.run.loop import Loop

COUNT = 8  # environments


def devices_of(count: int, engine: str) -> Devices:
  """The first `count` devices; one of each process for physics on the host."""
  present = jax.devices()
  if engine == 'host':
    present = [next(d for d in present if d.process_index == i) for i in range(hosts.count())]
  return Devices(mesh=mesh_of(present[:count]))


def terminate(step: int, metrics: object) -> None:
  """Sends SIGTERM after the second update, as a machine does that is needed elsewhere."""
  if step == 2 * COUNT * points.STEPS:
    os.kill(os.getpid(), signal.SIGTERM)


def main(devices: int, folder: Path, engine: str, *, resume: bool, preempted: bool) -> None:
  if place := hosts.wanted(None):
    hosts.connect(*place)
  points.PointEnv.num_envs = COUNT // hosts.count() if engine == 'host' else COUNT
  points.PointEnv.traceable = engine == 'traced'
  steps = 2 if resume else 1
  budget = steps * COUNT * points.STEPS * 3
  setup = points.point_setup(num_envs=COUNT, total_timesteps=budget, task=TaskConfig(card='none'))
  if devices > 1 or hosts.count() > 1:
    object.__setattr__(setup, 'devices', devices_of(devices, engine))
  if hosts.first():
    folder.mkdir(exist_ok=True)
  loop = Loop(setup, folder, [Callback(terminate)] if preempted else [])
  state = loop.begin(resume)
  loop.run(state)
  learner = hosts.local(loop.state.learner)
  if hosts.first():
    np.savez(folder / 'out.npz', *map(np.asarray, jax.tree.leaves(learner)), position=np.asarray(loop.step))


if __name__ == '__main__':
  options = {name: f'--{name}' in sys.argv for name in ('resume', 'preempted')}
  main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], **options)
