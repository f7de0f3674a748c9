"""Speed and accuracy of the training solver compared with a converged solver, in C MuJoCo.

  python benchmarks/solver.py

256 humanoids start from the perturbed standing pose and fall under smooth random controls. For each solver: physics
steps/s, and the median over environments of the largest difference from the converged solver, in any position except x
and y, after several times.
"""

from __future__ import annotations

import functools
import time

import mujoco
import numpy as np
from common import save
from mujoco import batch

from mjx_humanoid.physics.body import describe
from mjx_humanoid.physics.model import CONVERGED, build_model, quiet
from mjx_humanoid.physics.states import settle
from mjx_humanoid.robots import robots
from mjx_humanoid.tasks.starts import standing

NUM_ENVS, CONTROL_STEPS = 256, 40
SHOWN = (1, 4, 10, 20, 40)  # control steps
SOLVERS = {'newton': mujoco.mjtSolver.mjSOL_NEWTON, 'cg': mujoco.mjtSolver.mjSOL_CG}
TRIED = [('newton', 1, 4), ('newton', 2, 4), ('newton', 4, 8), ('cg', 1, 4), ('cg', 2, 4), ('cg', 4, 8), ('cg', 8, 8)]


@quiet()
def main() -> None:
  robot = robots()['humanoid']
  model = build_model(robot)
  body = describe(robot, model)
  rng = np.random.default_rng(0)
  qpos, qvel = standing(body, rng, np.ones(NUM_ENVS), functools.partial(settle, model))
  controls = 0.3 * rng.normal(size=(CONTROL_STEPS, NUM_ENVS, body.nu))
  reference, _ = run(('newton', *CONVERGED), qpos, qvel, controls, robot.frame_skip)
  times = [f'{step * body.control_step:.3f} s' for step in SHOWN]
  print(f'{"solver":>16} {"steps/s":>9}  {"  ".join(f"{t:>9}" for t in times)}')
  rows = []
  for solver in [*TRIED, ('newton', *CONVERGED)]:
    path, rate = run(solver, qpos, qvel, controls, robot.frame_skip)
    apart = np.abs(path - reference)[..., 2:].max(axis=-1)
    medians = [float(np.median(apart[step - 1])) for step in SHOWN]
    rows.append(
      {'solver': solver, 'physics_steps_per_second': round(rate), 'apart': dict(zip(times, medians, strict=True))}
    )
    print(f'{" ".join(map(str, solver)):>16} {rate:>9,.0f}  {"  ".join(f"{m:>9.4f}" for m in medians)}', flush=True)
  save('solver', {'rows': rows})


def run(
  solver: tuple[str, int, int], qpos: np.ndarray, qvel: np.ndarray, controls: np.ndarray, substeps: int
) -> tuple[np.ndarray, float]:
  """Positions [T, B, nq] and physics steps/s."""
  model = build_model(robots()['humanoid'])
  model.opt.solver, model.opt.iterations, model.opt.ls_iterations = SOLVERS[solver[0]], solver[1], solver[2]
  worlds = batch.Batch(model, len(qpos))
  worlds.bind('qpos')[:], worlds.bind('qvel')[:] = qpos, qvel
  path, seconds = [], 0.0
  for ctrl in controls:
    worlds.bind('ctrl')[:] = ctrl
    start = time.perf_counter()
    worlds.step(nstep=substeps)
    seconds += time.perf_counter() - start
    path.append(worlds.bind('qpos').copy())
  return np.stack(path), len(controls) * len(qpos) * substeps / seconds


if __name__ == '__main__':
  main()
