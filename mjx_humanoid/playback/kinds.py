"""Error messages for files that are not policies: what the file is, and which command uses it."""

from __future__ import annotations

from pathlib import Path

POLICY = 'a policy is a run folder, a .safetensors file or the name of a pretrained policy'

# By suffix: what the file is, and what to do with it.
KINDS = {
  '.py': 'a Python file. Rewards and other functions of your own are used in training:'
  ' train --config.task.reward={path}:name; a config file: train --config={path}',
  '.onnx': 'an ONNX graph, which this package writes and does not read; play the .safetensors file that it was made'
  ' from, or the graph with examples/play_onnx.py',
  '.npz': 'a NumPy archive. Exported policies in this format are for other programs; poses are used in training and'
  ' playback: train --config.task.start={path}, play walk --start={path}',
  '.jpg': 'a photo, whose pose an episode can start in: play walk --start={path}',
  '.xml': 'a robot model (MJCF), which python -m mujoco.viewer --mjcf={path} shows',
  '.json': 'JSON: settings or a report card',
  '.jsonl': 'the metrics of a run',
  '.mp4': 'a video',
  '.gif': 'a picture',
  '.png': 'a picture',
  '.csv': 'a table',
}


def wrong_kind(path: Path) -> str:
  """A sentence that says what the file is and what is expected; '' for a .safetensors file."""
  if path.suffix == '.safetensors':
    return ''
  kind = KINDS.get(path.suffix, 'no .safetensors file')
  run = f' Its run: {path.parent}.' if (path.parent / 'policy.safetensors').is_file() else ''
  return f'{path} is {kind.format(path=path)}. Here {POLICY}.{run}'
