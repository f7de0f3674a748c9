"""Plays an exported policy with only MuJoCo, NumPy and ONNX Runtime: python examples/play_onnx.py walk.onnx --view

`python -m mjx_humanoid.export walk` writes walk.onnx, the network; walk_controller.onnx, the network with its
observation and context, from the state of the robot and a command to controls; and walk.xml, the robot.
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

FORMAT = 5  # file format that this example supports


class Controller:
  """A controller with its memory."""

  def __init__(self, path: Path) -> None:
    self.session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    texts = self.session.get_modelmeta().custom_metadata_map
    self.about: dict[str, Any] = {name: json.loads(text) for name, text in texts.items()}
    sizes = {each.name: each.shape for each in self.session.get_inputs()}
    self.memory = np.zeros(sizes['memory'], np.float32)  # zero at the start of an episode

  def __call__(self, data: Any, command: Any) -> Any:
    """Controls [nu] in [-1, 1] for the state of the robot and a command: forward, sideways [m/s], yaw [rad/s]."""
    state = {'qpos': data.qpos, 'qvel': data.qvel, 'sensordata': data.sensordata, 'command': command}
    inputs = {name: np.asarray(values, np.float32) for name, values in state.items()}
    ctrl, self.memory = self.session.run(['ctrl', 'memory_next'], {**inputs, 'memory': self.memory})
    return ctrl


def main() -> None:
  """Plays the policy, and prints the final position of the torso."""
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('policy', type=Path, help='an .onnx file; the other two must be beside it')
  parser.add_argument('--seconds', type=float, default=10.0, help='duration (%(default)s)')
  parser.add_argument('--command', type=float, nargs=3, help='forward, sideways [m/s] and yaw [rad/s] velocity')
  parser.add_argument('--view', action='store_true', help="show the robot in MuJoCo's viewer")
  arguments = parser.parse_args()
  controller = Controller(arguments.policy.with_name(f'{arguments.policy.stem}_controller.onnx'))
  about = controller.about
  if about['format'] != FORMAT:
    raise SystemExit(
      f'{arguments.policy} is of format {about["format"]}, this example plays {FORMAT}: export the policy again.'
    )
  if arguments.command and 'command' not in about['observations']:
    print('note: this policy was trained for one command and cannot observe another')
  model = mujoco.MjModel.from_xml_path(str(arguments.policy.with_suffix('.xml')))
  data = mujoco.MjData(model)
  if about['task']['start'] in ('fallen', 'rising'):  # a policy that gets up starts supine
    data.qpos[2:7] = 0.25, 0.5**0.5, 0, -(0.5**0.5), 0
  mujoco.mj_forward(model, data)
  command, dt = arguments.command or about['task']['command']['value'], about['control_step']
  if arguments.view:
    from mujoco.viewer import launch_passive
  with launch_passive(model, data) if arguments.view else nullcontext() as viewer:
    for _ in range(round(arguments.seconds / dt)):
      data.ctrl[:] = controller(data, command)
      mujoco.mj_step(model, data, about['substeps'])
      if viewer and viewer.is_running():
        viewer.sync()
        time.sleep(dt)
  mujoco.mj_kinematics(model, data)
  place = data.xpos[model.jnt_bodyid[0]]  # of the root, which the first joint moves
  height, distance = place[2], np.hypot(*place[:2])
  print(f'after {data.time:.1f} s the torso is {height:.3f} m high and {distance:.2f} m from the start')


if __name__ == '__main__':
  main()
