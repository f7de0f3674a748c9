"""Plays an exported policy with MuJoCo, NumPy and ONNX Runtime alone: python examples/play_onnx.py stand.onnx --view

`python -m mjx_humanoid.export stand` writes the graph, what it must be fed inside it, and beside it the robot as .xml.
"""

import argparse
import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import onnxruntime


class Guide:
  """What the robot is asked for, step by step. On the floor x + iy is a complex number; products turn it."""

  def __init__(self, about: dict[str, Any], asked: Any, height: float) -> None:
    """It starts at the origin, along x, its torso at a height in m.

    asked: forward, sideways [m/s] and turning [rad/s] velocity.
    """
    self.task, self.dt, self.asked = about['task'], about['control_step'], np.asarray(asked, float)
    self.fallen, self.off_balance = about['fallen_height'], about['off_balance_height']
    self.command: Any = self.asked
    self.heading, self.place, self.phase = 1 + 0j, 0j, 0.0
    self.stepping = self._walks(height)

  def advance(self, data: Any) -> None:
    """One control step, which has led to `data`, later: the command moves heading and place, and so the clock."""
    before, task = self.place, self.task
    self.place += complex(*self.asked[:2]) * self.heading * self.dt
    self.heading *= np.exp(1j * self.asked[2] * self.dt)
    if data.qpos[2] < self.fallen:  # its heading and its place are those with which it gets up
      self.place, self.heading = complex(*data.qpos[:2]), facing(data)
      before = self.place
    if task['hold']:  # asked for nothing, it stays where it is, or walks back if its momentum carries it away
      resting, there = np.abs(self.asked).max() <= 0.05, complex(*data.qpos[:2]) + 0.3 * complex(*data.qvel[:2])
      self.place = before if resting else there
      off = (self.place - there) * self.heading.conjugate()
      radius = 0.05 if np.abs(self.command).max() > 0.05 else task['hold_radius']  # where it arrives, and sets out
      back = off / abs(off) * min(task['hold'] * abs(off), 0.5) if abs(off) > radius else 0j
      self.command = np.array([back.real, back.imag, 0.0]) if resting else self.asked
    urgency = min(abs(complex(*self.command[:2])) / 0.5, 1) ** 2 if np.abs(self.asked).max() <= 0.05 else 0.0
    stride = self.dt * task['gait_frequency'] * (1 + task['gait_hurry'] * urgency)  # quicker when it is carried off
    old, self.phase = self.phase, (self.phase + stride) % 1
    stepping = self._walks(data.qpos[2]) or (self.stepping and self.phase > old)  # a stride is finished before it rests
    if stepping and not self.stepping:  # it begins with the foot of the side that it is moving to
      self.phase = 0.5 if (complex(*data.qvel[:2]) * self.heading.conjugate()).imag < 0 else 0.0
    self.stepping = stepping

  def _walks(self, height: float) -> bool:
    moving = np.abs(self.command).max() > 0.05 or height < self.off_balance  # who is on its way up steps too
    return bool(self.task['gait_frequency'] > 0 and self.task['gait_duty'] < 1 and moving)


def axes(data: Any) -> Any:
  """Of the torso, seen from the world: a matrix whose columns they are."""
  rotation: Any = np.empty(9)
  mujoco.mju_quat2Mat(rotation, data.qpos[3:7])
  return rotation.reshape(3, 3)


def facing(data: Any) -> complex:
  """Where on the floor the torso faces."""
  ahead = complex(*axes(data)[:2, 0])
  return ahead / max(abs(ahead), 1e-6)


def observe(data: Any, about: dict[str, Any], guide: Guide) -> Any:
  """What the policy sees."""
  rotation = axes(data)
  ahead = guide.heading * facing(data).conjugate()
  off = guide.place - complex(*data.qpos[:2])
  away = off * facing(data).conjugate()
  clock = np.array([np.sin(2 * np.pi * guide.phase), np.cos(2 * np.pi * guide.phase)])
  posture = [data.qpos[2], *rotation[2], *data.qpos[7:]]
  everything = {
    'joint_positions': posture,
    'joint_velocities': [*rotation.T @ data.qvel[:3], *data.qvel[3:]],
    'heading_error': [ahead.real, ahead.imag],
    'place_error': np.clip([away.real, away.imag], -1, 1),
    'course_error': np.clip([(off * guide.heading.conjugate()).imag], -1, 1),
    'gait_phase': clock * guide.stepping,
    'gait_clock': clock,
    'command': guide.command,
    'actuator_states': data.ctrl,
    'posture': posture,
  }
  return np.concatenate([everything[name] for name in about['observations']])


def main() -> None:
  """Plays, and says where the torso is in the end."""
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('policy', type=Path, help='an .onnx file, the .xml beside it')
  parser.add_argument('--seconds', type=float, default=10.0, help='how long to play (%(default)s)')
  parser.add_argument('--command', type=float, nargs=3, help='forward, sideways [m/s] and turning [rad/s] velocity')
  parser.add_argument('--view', action='store_true', help="show it in MuJoCo's viewer")
  arguments = parser.parse_args()
  session = onnxruntime.InferenceSession(arguments.policy, providers=['CPUExecutionProvider'])
  about = {name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items()}
  if about['format'] != 4:
    raise SystemExit(
      f'{arguments.policy} is of format {about["format"]}, this example plays 4: export the policy anew.'
    )
  if unknown := {'contact_forces', 'center_of_mass'} & set(about['observations']):
    raise SystemExit(f'{arguments.policy} sees {", ".join(unknown)}, of sensors that this example does not read.')
  model = mujoco.MjModel.from_xml_path(str(arguments.policy.with_suffix('.xml')))
  data = mujoco.MjData(model)
  if about['task']['start'] in ('fallen', 'rising'):  # it is there to get up: on its back
    data.qpos[2:7] = 0.25, 0.5**0.5, 0, -(0.5**0.5), 0
  guide = Guide(about, arguments.command or about['task']['command'], data.qpos[2])
  dt = about['control_step']
  if arguments.view:
    from mujoco.viewer import launch_passive
  with launch_passive(model, data) if arguments.view else nullcontext() as viewer:
    for _ in range(round(arguments.seconds / dt)):
      observation = observe(data, about, guide)[None].astype(np.float32)
      data.ctrl[:] = session.run(['action'], {'observation': observation})[0][0]
      mujoco.mj_step(model, data, about['substeps'])
      guide.advance(data)
      if viewer and viewer.is_running():
        viewer.sync()
        time.sleep(dt)
  height, distance = data.qpos[2], np.hypot(*data.qpos[:2])
  print(f'after {data.time:.1f} s the torso is {height:.3f} m high and {distance:.2f} m from the start')


if __name__ == '__main__':
  main()
