"""Protects what a person reads during training: durations, speed and time left, by hand arithmetic."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mjx_humanoid.run import progress
from mjx_humanoid.run.progress import Clock, Progress, duration


@pytest.fixture
def clock(monkeypatch):
  """A clock that a test sets: clock(seconds)."""
  now = [1000.0]
  monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
  return lambda seconds: now.__setitem__(0, 1000.0 + seconds)


def started(total, done=0):
  shown = Progress()
  shown.on_start(SimpleNamespace(total=total, step=done))
  return shown


@pytest.mark.parametrize(
  ('seconds', 'text'),
  [
    (0, '0 s'),
    (75.4, '75 s'),
    (119.4, '119 s'),
    (119.6, '2 min 00 s'),
    (723, '12 min 03 s'),
    (7199.4, '119 min 59 s'),
    (7199.6, '2 h 00 min'),
    (7500, '2 h 05 min'),
    (100_000, '27 h 46 min'),
  ],
)
def test_duration(seconds, text):
  assert duration(seconds) == text


def test_speed_counts_from_the_first_update_on_so_that_compiling_does_not(clock):
  """100 steps in 40 s with compilation, then 200 in 1 s, then 500 in 2 s."""
  measured = Clock(0)
  speeds = []
  for seconds, done in ((40, 100), (41, 300), (42, 600)):
    clock(seconds)
    speeds.append(measured.tick(done))
  assert speeds == pytest.approx([2.5, 200.0, 250.0])


def test_speed_of_a_resumed_run_leaves_out_what_was_done_before(clock):
  measured = Clock(5000)
  clock(50)
  assert measured.tick(5100) == pytest.approx(2.0)
  clock(51)
  assert measured.tick(5200) == pytest.approx(100.0)


def test_plain_lines_where_there_is_no_terminal(clock, capsys):
  shown = started(10_000)
  figures = {'episode_length': 12.4, 'episode_return': 3.25}
  for seconds, done in ((1, 100), (2, 200)):
    clock(seconds)
    shown.on_update(done, {**figures, 'steps_per_second': 100.0})
  assert capsys.readouterr().out == ''  # not a line for every update
  clock(11)
  shown.on_update(1100, {**figures, 'steps_per_second': 100.0})
  shown.close()
  line = ' '.join(capsys.readouterr().out.split())
  # 8,900 steps are left, which takes 89 s.
  assert line == '1,100 of 10,000 steps 100 steps/s 89 s left episodes of 12 steps, return 3.2'


def test_after_one_update_nobody_knows_how_long_it_takes(clock, capsys):
  """Most of it was compilation."""
  shown = started(10_000)
  clock(60)
  shown.on_update(100, {'steps_per_second': 1.7})
  assert 'left' not in capsys.readouterr().out


def test_what_it_is_doing_is_said_once(capsys):
  shown = started(10)
  shown.on_activity('compiling')
  shown.on_activity('')
  assert capsys.readouterr().out == 'compiling ...\n'


def test_messages_with_brackets_are_printed_as_they_are(capsys):
  started(10).on_message('reward [bold] of /path/[x]')
  assert capsys.readouterr().out == 'reward [bold] of /path/[x]\n'


def test_the_panel_of_a_terminal_shows_figures_and_reward_terms():
  from rich.console import Console

  shown = started(1000)
  shown.on_update(500, {'loss': 0.25, 'episode_length': 33.0, 'term/height': 0.125, 'steps_per_second': 20.0})
  console = Console(width=120, record=True, file=open('/dev/null', 'w'))  # noqa: SIM115
  console.print(shown._render())
  text = console.export_text()
  assert '500 of 1,000 steps' in text
  for part in ('20 steps/s', 'episode length', '33.000', 'loss', '0.250', 'reward: height', '+0.125'):
    assert part in text
