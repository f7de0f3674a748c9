"""Protects the metrics on disk: one JSON object a line, and no line twice after a resume."""

from __future__ import annotations

import errno
import json
import math
import os

import pytest
from tensorboardX.proto.event_pb2 import Event

from mjx_humanoid.core import files
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run.logger import METRICS_FILE, MetricsLogger, read_metrics, tag


def lines(folder):
  return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


def events(folder):
  """Every event for TensorBoard. In the file: length u64, its checksum u32, the event, its checksum u32."""
  found = []
  for path in folder.glob('events.out.tfevents.*'):
    content = path.read_bytes()
    while content:
      length = int.from_bytes(content[:8], 'little')
      found.append(Event.FromString(content[12 : 12 + length]))
      content = content[16 + length :]
  return found


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


def test_tensorboard_keeps_the_point_of_resuming_too(tmp_path):
  """It hides what an earlier writer logged at the step of a session's start and later."""
  write(tmp_path, [64])
  assert [e.session_log.status for e in events(tmp_path) if e.HasField('session_log')] == []
  write(tmp_path, [], after=128)
  starts = [(e.step, e.session_log.status) for e in events(tmp_path) if e.HasField('session_log')]
  assert starts == [(129, 1)]  # SessionLog.START


# What goes wrong


def test_a_full_disk_leaves_the_lines_that_were_there(tmp_path, full_disk):
  write(tmp_path, [64, 128, 192])
  full_disk()
  with pytest.raises(UserError, match=r'the metrics cannot be written to .*metrics\.jsonl: No space left on device\.'):
    MetricsLogger(tmp_path, after=128)
  assert [line['timesteps'] for line in lines(tmp_path)] == [64, 128, 192]


def test_a_disk_that_is_full_for_a_while_is_told_once_and_the_training_goes_on(tmp_path, monkeypatch):
  said = []
  with MetricsLogger(tmp_path, say=said.append) as logger:
    logger.write(64, {'loss': 1.0})
    with monkeypatch.context() as patch:
      patch.setattr(files.os, 'write', half_of_it)
      for step in range(128, 128 + 64 * 40, 64):  # more than any queue holds
        logger.write(step, {'loss': 2.0})
    logger.write(9999, {'loss': 3.0})
  assert len(said) == 1
  assert said[0].startswith(f'the metrics cannot be written to {tmp_path}/metrics.jsonl: No space left on device. ')
  assert [line['timesteps'] for line in lines(tmp_path)] == [64, 9999]
  assert [e.step for e in events(tmp_path) if e.HasField('summary')] == [64, 9999]


def half_of_it(number, record, write=os.write):
  """Writes what there is room for, and fails at the rest, as the system does."""
  if len(record) > 3:
    return write(number, record[: len(record) // 2])
  raise OSError(errno.ENOSPC, 'No space left on device')


def test_without_anybody_to_tell_it_is_said_on_stderr(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(files.os, 'write', half_of_it)
  write(tmp_path, [64])
  assert capsys.readouterr().err.count('\n') == 1


@pytest.mark.parametrize(
  'line',
  [
    b'{"timesteps": 192, "lo',
    b'{"timesteps": 192, "loss": 1.0}\xff\n',
    b'{"loss": 1.0}\n',
    b'3\n',
    b'null\n',
    b'{"timesteps": null}\n',
    b'{"timesteps": 1' + 400 * b'0' + b'}\n',
    100_000 * b'[' + b'\n',
  ],
)
def test_a_damaged_line_does_not_prevent_resuming(tmp_path, line):
  """Cut short by a kill, or with a byte that was altered."""
  write(tmp_path, [64, 128])
  with (tmp_path / METRICS_FILE).open('ab') as file:
    file.write(line)
  assert [entry['timesteps'] for entry in read_metrics(tmp_path)] == [64, 128]
  write(tmp_path, [192], after=128)
  assert [entry['timesteps'] for entry in lines(tmp_path)] == [64, 128, 192]


def test_a_file_without_permissions_is_kept_and_the_metrics_go_on_in_a_copy(tmp_path, monkeypatch):
  write(tmp_path, [64, 128])
  kept, said = tmp_path / 'metrics-1.jsonl', []
  readable = lambda path, mode: os.path.basename(path) != METRICS_FILE or kept.exists()  # noqa: E731 (root may do all)
  monkeypatch.setattr('mjx_humanoid.run.logger.os.access', readable)
  before = (tmp_path / METRICS_FILE).read_bytes()
  with MetricsLogger(tmp_path, after=64, say=said.append) as logger:
    logger.write(128, {'loss': 1.0})
  assert said == [
    f'{tmp_path / METRICS_FILE} has no permission to be written: it is kept as metrics-1.jsonl, and metrics are added'
    ' to a copy of it.'
  ]
  assert kept.read_bytes() == before
  assert [line['timesteps'] for line in lines(tmp_path)] == [64, 128]
  assert lines(tmp_path)[1]['loss'] == 1.0


def test_a_file_that_cannot_be_read_is_told(tmp_path):
  (tmp_path / METRICS_FILE).mkdir()
  with pytest.raises(UserError, match=r'metrics\.jsonl is not a readable file of metrics: Is a directory'):
    MetricsLogger(tmp_path)


def test_numbers_that_are_not_finite_are_null_on_disk_and_nan_when_read(tmp_path):
  with MetricsLogger(tmp_path) as logger:
    logger.write(64, {'loss': math.nan, 'kl': math.inf, 'entropy': 1.0})
  write(tmp_path, [128], after=64)
  assert lines(tmp_path)[0] == {'timesteps': 64, 'loss': None, 'kl': None, 'entropy': 1.0}
  first = read_metrics(tmp_path)[0]
  assert math.isnan(first['loss']) and math.isnan(first['kl'])
  assert (first['timesteps'], first['entropy']) == (64, 1.0)


def test_lines_of_earlier_versions_with_nan_in_them_are_read(tmp_path):
  (tmp_path / METRICS_FILE).write_text('{"timesteps": 64, "loss": NaN}\n')
  assert math.isnan(read_metrics(tmp_path)[0]['loss'])


@pytest.mark.parametrize('name', ['a b', '[x]', 's3:', 'back\\slash'])
def test_any_name_of_a_run_will_do(tmp_path, name):
  (tmp_path / name).mkdir()
  write(tmp_path / name, [64])
  assert len(lines(tmp_path / name)) == 1


@pytest.mark.parametrize(
  ('name', 'expected'),
  [
    ('episode_return', 'rollout/episode_return'),
    ('steps_per_second', 'time/steps_per_second'),
    ('loss', 'train/loss'),
    ('term/height', 'term/height'),
  ],
)
def test_tensorboard_groups_metrics_as_users_look_for_them(name, expected):
  assert tag(name) == expected


def test_tensorboard_gets_the_same_numbers_under_train_or_their_own_group(tmp_path):
  write(tmp_path, [64])
  found = {v.tag: (e.step, round(v.simple_value, 5)) for e in events(tmp_path) for v in e.summary.value}
  assert found == {'train/loss': (64, 6.4), 'term/height': (64, 1.5)}
  assert events(tmp_path)[0].file_version == 'brain.Event:2'


def test_the_file_for_tensorboard_is_byte_for_byte_that_of_tensorboardx(tmp_path, monkeypatch):
  from tensorboardX.event_file_writer import EventsWriter

  monkeypatch.setattr('time.time', lambda: 1234567890.5)
  (tmp_path / 'a').mkdir()
  write(tmp_path / 'a', [64])
  theirs = EventsWriter(str(tmp_path / 'theirs'))
  theirs.write_event(events(tmp_path / 'a')[1])
  theirs.close()
  ours, expected = next((tmp_path / 'a').glob('events.out.*')), next(tmp_path.glob('theirs.out.*'))
  assert ours.read_bytes() == expected.read_bytes()
