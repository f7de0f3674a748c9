"""Protects what is said of files that are no policies: what they are, and where they belong."""

from __future__ import annotations

import pytest

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.playback.find import find_policy
from mjx_humanoid.playback.kinds import wrong_kind


@pytest.mark.parametrize(
  ('name', 'parts'),
  [
    ('my_reward.py', ['a Python file', '--config.task.reward=', 'my_reward.py:name', '--config=']),
    ('walk.onnx', ['an ONNX graph', 'examples/play_onnx.py']),
    ('poses.npz', ['--config.task.start=']),
    ('walk.xml', ['a robot model', 'mujoco.viewer --mjcf=']),
    ('config.json', ['JSON']),
    ('walk.mp4', ['a video']),
    ('notes', ['no .safetensors file']),
  ],
)
def test_a_file_of_another_kind_is_named_in_one_line(name, parts, tmp_path):
  path = tmp_path / name
  path.write_text('')
  with pytest.raises(UserError) as error:
    find_policy(str(path))
  message = str(error.value)
  assert message.startswith(f'{path} is ')
  assert all(part in message for part in [*parts, 'a policy is a run folder, a .safetensors file or the name of'])
  assert '\n' not in message
  assert 'Its run' not in message


def test_a_policy_file_is_no_wrong_kind(tmp_path):
  assert wrong_kind(tmp_path / 'policy.safetensors') == ''


def test_a_file_inside_a_run_names_the_run(tmp_path):
  (tmp_path / 'policy.safetensors').write_text('')
  assert f'Its run: {tmp_path}.' in wrong_kind(tmp_path / 'config.json')


def test_a_folder_of_runs_names_them(tmp_path):
  for run in ('walk', 'stand'):
    (tmp_path / run).mkdir()
    (tmp_path / run / 'policy.safetensors').write_text('')
  with pytest.raises(UserError, match=r'It holds the runs stand, walk\.'):
    find_policy(str(tmp_path))
