"""Protects the metrics on disk: one JSON object a line, and no line twice after a resume."""

from __future__ import annotations

import json
import math

import pytest

from mjx_humanoid.run.logger import METRICS_FILE, MetricsLogger


def lines(folder):
  return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


def write(folder, steps, after=0):
  with MetricsLogger(folder, after) as logger:
    for step in steps:
      logger.write(step, {'loss': step / 10, 'term/height': 1.5})


def test_one_object_a_line(tmp_path):
  write(tmp_path, [64, 128])
  assert lines(tmp_path) == [
    {'timesteps': 64, 'loss': 6.4, 'term/height': 1.5},
    {'timesteps': 128, 'loss': 12.8, 'term/height': 1.5},
  ]


def test_each_line_is_on_disk_before_the_next_is_written(tmp_path):
  with MetricsLogger(tmp_path) as logger:
    logger.write(64, {'loss': 1.0})
    assert lines(tmp_path) == [{'timesteps': 64, 'loss': 1.0}]


def test_lines_after_the_point_of_resuming_are_dropped(tmp_path):
  write(tmp_path, [64, 128, 192, 256])
  write(tmp_path, [192, 256, 320], after=128)
  assert [line['timesteps'] for line in lines(tmp_path)] == [64, 128, 192, 256, 320]


def test_a_line_at_the_point_of_resuming_stays(tmp_path):
  write(tmp_path, [64, 128])
  write(tmp_path, [], after=128)
  assert [line['timesteps'] for line in lines(tmp_path)] == [64, 128]


def test_tensorboard_keeps_the_point_of_resuming_too(tmp_path, monkeypatch):
  """It hides what is logged at its purge step and later, by an earlier writer."""
  made = []
  monkeypatch.setattr('mjx_humanoid.run.logger.SummaryWriter', lambda folder, **more: made.append(more) or Silent())
  write(tmp_path, [])
  write(tmp_path, [], after=128)
  assert made == [{'purge_step': None}, {'purge_step': 129}]


class Silent:
  def close(self):
    pass


def test_a_full_disk_leaves_the_lines_that_were_there(tmp_path, monkeypatch):
  write(tmp_path, [64, 128, 192])

  def full(path, text):
    path.touch()
    raise OSError('No space left on device')

  monkeypatch.setattr(type(tmp_path), 'write_text', full)
  with pytest.raises(OSError, match='No space'):
    MetricsLogger(tmp_path, after=128)
  assert [line['timesteps'] for line in lines(tmp_path)] == [64, 128, 192]


def test_a_last_line_cut_short_by_a_kill_does_not_prevent_resuming(tmp_path):
  write(tmp_path, [64, 128])
  with (tmp_path / METRICS_FILE).open('a') as file:
    file.write('{"timesteps": 192, "lo')
  write(tmp_path, [192], after=128)
  assert [line['timesteps'] for line in lines(tmp_path)] == [64, 128, 192]


def test_numbers_that_are_not_finite_survive_a_resume(tmp_path):
  with MetricsLogger(tmp_path) as logger:
    logger.write(64, {'loss': math.nan})
  write(tmp_path, [128], after=64)
  assert math.isnan(lines(tmp_path)[0]['loss'])


def test_tensorboard_gets_the_same_numbers_under_train_or_their_own_group(tmp_path):
  import tensorboardX.proto.event_pb2 as events
  from tensorboardX.record_writer import RecordWriter  # noqa: F401 (the format read below)

  write(tmp_path, [64])
  content = next(tmp_path.glob('events.out.tfevents.*')).read_bytes()
  found = {}
  while content:  # length u64, its checksum u32, the event, its checksum u32
    length = int.from_bytes(content[:8], 'little')
    event = events.Event.FromString(content[12 : 12 + length])
    content = content[16 + length :]
    found |= {value.tag: (event.step, round(value.simple_value, 5)) for value in event.summary.value}
  assert found == {'train/loss': (64, 6.4), 'term/height': (64, 1.5)}
