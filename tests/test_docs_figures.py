"""Protects the numbers of README and docs: results are those measured, and every metric and figure is explained."""

from __future__ import annotations

import json
import math
import re
import statistics

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
  assert list(pages.table('docs/metrics.md', '### Report cards during training')) == [
    'card/success_rate',
    'card/episode_return',
  ]


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


def test_lengths_of_trainings_on_a_gpu_are_those_of_the_configs():
  """And the seconds, by the arithmetic that stands below the table: physics steps, and 0.3 ms a gradient step."""
  from mjx_humanoid.core.config import files, schema

  rows = pages.table('docs/engines.md', 'By name:\n')
  assert len(rows) == 7
  for name, (env_steps, control_steps, updates, gradient_steps, reckoned) in rows.items():
    config = schema.resolve(files.load_config(name))
    ppo, per_update = config.ppo, config.num_envs * config.ppo.unroll_length
    count = math.ceil(config.total_timesteps / per_update)
    assert env_steps == f'{count * per_update / 1e6:.2f}M'
    assert (control_steps, updates) == (f'{count * ppo.unroll_length:,}', f'{count:,}')
    gradients = count * (per_update // ppo.batch_size) * ppo.num_epochs
    assert gradient_steps == f'{gradients:,}'
    seconds = count * per_update * config.task.frame_skip / 1.8e6 + 3e-4 * gradients
    assert float(reckoned.split()[0]) == pytest.approx(seconds, abs=1)


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


# The page on robots

OF_CARDS = {  # how figures are written -> what they are called on a report card
  r'at ([\d.]+) m/s': 'forward_speed',
  r'errors ([\d.]+) m/s': 'velocity_error',
  r'and ([\d.]+) rad/s': 'turning_error',
  r'after ([\d.]+) s': 'seconds_to_stand',
}


def test_robots_with_datasheets_of_this_package_do_as_their_cards_say():
  """Episodes passed and the figure beside them, with as many digits as are written."""
  header = '| config | an episode passes if | episodes passed | environment steps | training on two cores |'
  rows = pages.table('docs/robots.md', header, header=True)
  cards = {path.stem: json.loads(path.read_text()) for path in (ROOT / 'mjx_humanoid/policies').glob('*.json')}
  robots = ('biped', 'biped_pd', 'anymal_c')
  assert set(rows) == {name for name, card in cards.items() if card['config']['task']['robot'] in robots}
  for name, (_, passed, steps, _) in rows.items():
    card = cards[name]
    assert re.match(r'\d+ of \d+', passed)[0] == f'{card["success_rate"] * card["episodes"]:.0f} of {card["episodes"]}'
    for pattern, figure in OF_CARDS.items():
      for written in re.findall(pattern, passed):
        digits = len(written.partition('.')[2])
        assert written == f'{card[figure]:.{digits}f}', (name, figure)
    assert float(steps.removesuffix('M')) == pytest.approx(card['config']['total_timesteps'] / 1e6, abs=0.05), name


def test_speeds_of_robots_are_those_measured():
  """Of benchmarks/robots.py, which need not have run yet: then the page claims no speeds."""
  measured, page = ROOT / 'benchmarks/results/robots.json', pages.PAGES['docs/robots.md']
  if not measured.exists():
    assert '## Speed\n' not in page, 'speeds that nobody has measured'
    pytest.skip('python benchmarks/robots.py has not written its results')
  expected = speeds(json.loads(measured.read_text()))
  lines = ''.join(f'| `{name}` | {" | ".join(cells)} |\n' for name, cells in expected.items())
  assert '## Speed\n' in page, f'docs/robots.md lacks a section on speed with the rows\n{lines}'
  assert pages.table('docs/robots.md', '## Speed') == expected, lines


def test_updates_of_sac_are_those_measured():
  rates = json.loads((ROOT / 'benchmarks/results/sac_updates.json').read_text())['updates_per_second']
  written = re.findall(
    r'^\| (?:this package, `(\w+)`.*?|(SBX|Stable-Baselines3) \(.*?) \| (\d+) \|$', pages.PAGES['docs/studies.md'], re.M
  )
  names = {'SBX': 'sbx', 'Stable-Baselines3': 'stable_baselines3'}
  found = {ours or names[peer]: int(rate) for ours, peer, rate in written}
  assert found == {name: round(statistics.median(values)) for name, values in rates.items()}


def speeds(result):
  """Cells by robot: physics steps per control step, medians of steps/s here and of the fastest peer, times the peer."""
  found = {}
  for row in result['rows']:
    rates = dict(row['env_steps_per_second'])
    ours = statistics.median(rates.pop('mjx_humanoid'))
    peer = statistics.median(map(max, zip(*rates.values(), strict=True)))  # of each round the fastest
    cells = (str(row['physics_steps']), three_digits(ours), three_digits(peer), f'{row["ratio"]:.1f} times')
    found[row['robot']] = list(cells)
  return found


def three_digits(number):
  """12,300 for 12345.6."""
  return f'{float(f"{number:.3g}"):,.0f}'


def test_speeds_are_written_with_three_digits():
  """By hand: rounds of two; the faster peer is 1,000 in one and 1,200 in the other."""
  rates = {'mjx_humanoid': [12345.6, 12200.0], 'AsyncVectorEnv of 2': [1000, 900], 'AsyncVectorEnv of 8': [800, 1200]}
  row = {'robot': 'biped', 'physics_steps': 4, 'env_steps_per_second': rates, 'ratio': 11.26}
  assert speeds({'rows': [row]}) == {'biped': ['4', '12,300', '1,100', '11.3 times']}
