"""Protects what a person reads while training: durations, speed and time left, by hand arithmetic."""

from __future__ import annotations

import pytest

from mjx_humanoid.run import progress
from mjx_humanoid.run.progress import Progress, duration


@pytest.fixture
def clock(monkeypatch):
  """A clock that a test sets: clock(seconds)."""
  now = [1000.0]
  monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
  return lambda seconds: now.__setitem__(0, 1000.0 + seconds)


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
  shown = Progress(10_000)
  clock(30)  # compiling
  shown.update(100, {})
  clock(31)
  shown.update(300, {})
  clock(32)
  shown.update(600, {})
  assert shown.steps_per_second == pytest.approx(250.0)  # 500 steps in 2 s


def test_speed_of_a_resumed_run_leaves_out_what_was_done_before(clock):
  shown = Progress(10_000, done=5000)
  clock(30)
  shown.update(5100, {})
  clock(31)
  shown.update(5200, {})
  assert shown.steps_per_second == pytest.approx(100.0)


def test_before_two_updates_there_is_no_speed(clock):
  shown = Progress(10_000, done=5000)
  assert shown.steps_per_second == 0
  clock(10)
  shown.update(5100, {})
  clock(11)
  assert shown.steps_per_second == 0


def test_plain_lines_where_there_is_no_terminal(clock, capsys):
  with Progress(10_000) as shown:
    clock(1)
    shown.update(100, {'episode_length': 12.4, 'episode_return': 3.25})
    clock(2)
    shown.update(200, {'episode_length': 12.4, 'episode_return': 3.25})
    assert capsys.readouterr().out == ''  # not a line for every update
    clock(11)
    shown.update(1100, {'episode_length': 12.4, 'episode_return': 3.25})
  line = ' '.join(capsys.readouterr().out.split())
  # 1,000 steps in 10 s since the first update; 8,900 are left, which takes 89 s.
  assert line == '1,100 of 10,000 steps 100 steps/s 89 s left episodes of 12 steps, return 3.2'


def test_what_it_is_doing_is_said_once(capsys):
  with Progress(10) as shown:
    shown.doing('compiling')
    shown.doing('')
  assert capsys.readouterr().out == 'compiling ...\n'


def test_messages_with_brackets_are_printed_as_they_are(capsys):
  with Progress(10) as shown:
    shown.say('reward [bold] of /path/[x]')
  assert capsys.readouterr().out == 'reward [bold] of /path/[x]\n'


def test_the_panel_of_a_terminal_shows_figures_and_reward_terms():
  from rich.console import Console

  shown = Progress(1000)
  shown.update(500, {'loss': 0.25, 'episode_length': 33.0, 'term/height': 0.125})
  console = Console(width=120, record=True, file=open('/dev/null', 'w'))  # noqa: SIM115
  console.print(shown._render())
  text = console.export_text()
  assert '500 of 1,000 steps' in text
  for part in ('episode length', '33.000', 'loss', '0.250', 'reward: height', '+0.125'):
    assert part in text
