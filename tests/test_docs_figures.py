"""Protects the numbers of README and docs: results are those measured, and every metric and figure is explained."""

from __future__ import annotations

import json
import re

import pages
import pytest
from pages import ROOT

MEASURED = {path.stem.removeprefix('time_to_skill_'): path for path in (ROOT / 'benchmarks/results').glob('time_to_*')}


def test_every_metric_of_a_training_is_explained(finished_run):
  lines = [json.loads(line) for line in (finished_run / 'metrics.jsonl').read_text().splitlines()]
  written = {re.sub('^term/.*', 'term/<name>', name) for line in lines for name in line}
  explained = {name for part in ('### Experience', '### PPO') for name in pages.table('docs/metrics.md', part)}
  # Trainings with demonstrations, rewards that are not finite, and MuJoCo Warp have more.
  assert written == explained - {'imitation_error', 'invalid_term/<term>', 'overflow'}


def test_every_figure_of_a_report_card_is_explained(finished_run):
  from mjx_humanoid.evaluate import UNITS
  from mjx_humanoid.playback.find import PRETRAINED

  explained = pages.table('docs/metrics.md', '## Figures of a report card')
  entries = pages.table('docs/metrics.md', 'Beside the figures a card has:\n')
  cards = [json.loads(path.read_text()) for path in (*PRETRAINED.glob('*.json'), finished_run / 'report.json')]
  figures = {name for card in cards for name in card['worst']}
  assert figures <= set(explained)
  assert {name for card in cards for name in card} - figures <= {*explained, *entries, 'config'}
  assert {name: explained[name][0] for name in UNITS} == UNITS
  assert set(explained) - figures == {'success_rate', 'survival_rate'}


def test_every_setting_of_the_tables_of_metrics_is_a_row_of_its_own():
  assert 'timesteps' in pages.table('docs/metrics.md', '### Experience')
  assert list(pages.table('docs/metrics.md', '### Report cards during training')) == ['card/success_rate']


@pytest.mark.parametrize('skill', MEASURED)
def test_times_and_episodes_of_a_skill_are_those_measured(skill):
  """README and the page on skills, from benchmarks/results."""
  runs = json.loads(MEASURED[skill].read_text())['runs']
  seconds, passed = ([run[name] for run in runs] for name in ('seconds_to_policy', 'success_rate'))
  _, _, episodes, _, time = pages.table('README.md', '## Results')[skill]
  assert time == as_range(seconds)
  assert episodes == bounds([100 * x for x in passed], '.0f')
  row = pages.table('docs/skills.md', '## Five seeds of each skill')[skill]
  assert (row[1], row[2]) == (time, episodes)
  assert row[3] == bounds([run['mean_power'] for run in runs], '.0f') + ' W'
  if row[4]:
    assert row[4] == bounds([run['cost_of_transport'] for run in runs], '.2f')


def as_range(seconds):
  """53 to 56 s, or 3.3 to 3.6 min."""
  if max(seconds) < 120:
    return bounds(seconds, '.0f') + ' s'
  return bounds([x / 60 for x in seconds], '.1f') + ' min'


def bounds(values, form):
  low, high = (format(x, form) for x in (min(values), max(values)))
  return low if low == high else f'{low} to {high}'


def test_pretrained_policies_pass_as_many_episodes_as_their_cards_say():
  rows, skills = (
    pages.table('README.md', '## Results'),
    pages.table('docs/skills.md', '## Results of the pretrained policies'),
  )
  for skill, cells in rows.items():
    card = json.loads((ROOT / f'mjx_humanoid/policies/{skill}.json').read_text())
    words = f'{card["success_rate"] * card["episodes"]:.0f} of {card["episodes"]}'
    assert cells[1] == words
    assert skills[skill][1].startswith(words)


def test_pushes_are_those_measured():
  curves = json.loads((ROOT / 'benchmarks/results/push_curve.json').read_text())['curves']
  rows = pages.table('docs/skills.md', '## Pushes')
  for skill, curve in curves.items():
    survival = {point['force']: point['survival_rate'] for point in curve}
    for share, force in re.findall(r'(all|none|\d+ %) at (\d+) N', rows[skill][0].partition(';')[0]):
      expected = {'all': 1.0, 'none': 0.0}.get(share) if share in ('all', 'none') else int(share[:-2]) / 100
      assert survival[int(force)] == pytest.approx(expected, abs=0.005), (skill, force)
