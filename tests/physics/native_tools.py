"""What the tests of the native engine share: a rollout, and the same in plain MuJoCo."""

import mujoco
import numpy as np

WORLDS, SUBSTEPS, STEPS = 6, 5, 12


def run(engine, state, controls):
  views = []
  for ctrl in controls:
    state, view = engine.step(state, ctrl)
    views.append(view)
  return views


def same(a, b, worlds=slice(None)):
  """Whether two views have the same bits."""
  return all(np.array_equal(x[worlds], y[worlds], equal_nan=True) for x, y in zip(a, b, strict=True))


def plain(model, qpos, qvel, controls):
  """The same worlds, one after the other, each in an MjData of its own: fields [T, B, ...] in float32."""
  names = ('time', 'qpos', 'qvel', 'ctrl', 'sensordata')
  fields = {name: [] for name in names}
  for world in range(len(qpos)):
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos[world], qvel[world]
    rows = {name: [] for name in names}
    for ctrl in controls[:, world]:
      data.ctrl[:] = ctrl
      mujoco.mj_step(model, data, SUBSTEPS)
      for name in names:
        rows[name].append(np.array(getattr(data, name), np.float32))
    for name in names:
      fields[name].append(rows[name])
  return {name: np.swapaxes(np.array(rows), 0, 1) for name, rows in fields.items()}
