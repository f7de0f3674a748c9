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


def observe(data: Any, about: dict[str, Any], step: int, command: Any, heading: complex, place: complex) -> Any:
  """What the policy sees. On the floor x + iy is a complex number, and one is turned by multiplying with another."""
  task, rotation = about['task'], np.empty(9)
  mujoco.mju_quat2Mat(rotation, data.qpos[3:7])
  rotation = rotation.reshape(3, 3)  # of the torso: columns are its axes, seen from the world
  facing = complex(*rotation[:2, 0]) / max(abs(complex(*rotation[:2, 0])), 1e-6)
  ahead = heading * facing.conjugate()
  away = (place - complex(*data.qpos[:2])) * facing.conjugate()
  angle = 2 * np.pi * (step * about['control_step'] * task['gait_frequency'] % 1)
  moving = task['gait_frequency'] > 0 and task['gait_duty'] < 1 and np.abs(command).max() > 0.05
  everything = {
    'joint_positions': [data.qpos[2], *rotation[2], *data.qpos[7:]],
    'joint_velocities': [*rotation.T @ data.qvel[:3], *data.qvel[3:]],
    'heading_error': [ahead.real, ahead.imag],
    'place_error': np.clip([away.real, away.imag], -1, 1),
    'gait_phase': [np.sin(angle) * moving, np.cos(angle) * moving],
    'gait_clock': [np.sin(angle), np.cos(angle)],
    'command': command,
    'actuator_states': data.ctrl,
  }
  return np.concatenate([everything[name] for name in about['observations']])


def moved(heading: complex, place: complex, command: Any, seconds: float) -> tuple[complex, complex]:
  """Where the torso should face and be a little later: the command moves both."""
  return heading * np.exp(1j * command[2] * seconds), place + complex(*command[:2]) * heading * seconds


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
  model = mujoco.MjModel.from_xml_path(str(arguments.policy.with_suffix('.xml')))
  data = mujoco.MjData(model)
  if about['task']['start'] in ('fallen', 'falling'):  # it is there to get up: on its back
    data.qpos[2:7] = 0.25, 0.5**0.5, 0, -(0.5**0.5), 0
  command, dt = np.array(arguments.command or about['task']['command']), about['control_step']
  heading, place = 1 + 0j, 0j  # along x, at the origin
  if arguments.view:
    from mujoco.viewer import launch_passive
  with launch_passive(model, data) if arguments.view else nullcontext() as viewer:
    for step in range(round(arguments.seconds / dt)):
      observation = observe(data, about, step, command, heading, place)[None].astype(np.float32)
      data.ctrl[:] = session.run(['action'], {'observation': observation})[0][0]
      mujoco.mj_step(model, data, about['substeps'])
      heading, place = moved(heading, place, command, dt)
      if viewer and viewer.is_running():
        viewer.sync()
        time.sleep(dt)
  height, distance = data.qpos[2], np.hypot(*data.qpos[:2])
  print(f'after {data.time:.1f} s the torso is {height:.3f} m high and {distance:.2f} m from the start')


if __name__ == '__main__':
  main()
