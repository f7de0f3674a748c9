"""The command benchmark: its rows, files and errors. What a row measures is in studies/test_benchmark_rows.py."""

import json

import pytest

from mjx_humanoid import benchmark
from mjx_humanoid.studies import benchmark as rows


def row(engine, num_envs, training):
  return {
    'engine': engine,
    'num_envs': num_envs,
    'physics_steps_per_second': 8.0 * training,
    'env_steps_per_second': 1.6 * training,
    'training_steps_per_second': training,
    'collecting_of_physics': 0.8,
    'training_of_physics': 0.5,
    'bytes_per_environment': 20_000.0,
    'seconds_to_first_update': {'cold': 9.0, 'cached': 4.0},
  }


@pytest.fixture
def asked(monkeypatch):
  """Rows that were asked for, by engine and number of environments; each is made up."""
  requests = []

  def made_up(request, seconds):
    requests.append((request['engine'], request['num_envs'], seconds))
    return row(request['engine'], request['num_envs'], 1000.0 * request['num_envs'])

  monkeypatch.setattr(rows, 'row_of', made_up)
  return requests


def test_each_engine_is_measured_at_each_number_of_environments(asked, tmp_path, capsys):
  out = tmp_path / 'speed'
  benchmark.main(['--engines=native,mjx', '--num-envs=64,1_024', '--seconds=2', f'--out={out}'])
  assert asked == [('native', 64, 2.0), ('native', 1024, 2.0), ('mjx', 64, 2.0), ('mjx', 1024, 2.0)]
  saved = json.loads((tmp_path / 'speed.json').read_text())
  assert saved['config'] == 'stand'
  assert [r['training_steps_per_second'] for r in saved['rows']] == [64_000, 1_024_000] * 2
  assert (tmp_path / 'speed.png').read_bytes()[:8] == b'\x89PNG\r\n\x1a\n'
  table = capsys.readouterr().out
  assert 'native        64      512,000       102,400      64,000         80%, 50%       9.0      4.0     20.0' in table


def test_without_out_nothing_is_written(asked, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  benchmark.main(['--num-envs=8'])
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  ('arguments', 'words'),
  [
    (['--engines=nativ'], "unknown engine 'nativ'. Did you mean 'native'? Choices: auto, mjx, mjx-warp, native."),
    (['--engines='], "unknown engine ''."),
    (['--num-envs=many'], '--num-envs=many must be whole numbers separated by commas'),
    (['--num-envs=0,8'], '--num-envs=0,8 is out of range: each number must be 1 to 10,000,000.'),
    (['--seconds=0'], '--seconds=0 is out of range: more than 0'),
    (['--config.num_envs=8'], '--config.num_envs is chosen by --engines and --num-envs'),
    (['--config.ppo.gama=0.9'], "unknown setting 'config.ppo.gama'"),
    (['--config=stnd'], "there is no config file 'stnd'"),
    (['--out=there'], 'there.json exists already'),
  ],
)
def test_mistakes_end_with_one_line_before_anything_is_measured(
  arguments, words, asked, tmp_path, monkeypatch, user_error
):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'there.json').write_text('{}')
  assert words in user_error(benchmark.main, arguments)
  assert asked == []
  assert (tmp_path / 'there.json').read_text() == '{}'


def test_a_row_that_fails_is_told_and_the_others_are_measured(monkeypatch, capsys):
  def some_fail(request, cache):
    if request['num_envs'] > 8:
      return {'failed': 'out of memory'}
    return {k: v for k, v in row('native', 8, 10.0).items() if k != 'seconds_to_first_update'} | {
      'seconds_to_first_update': 2.0 if request['seconds'] else 7.0
    }

  monkeypatch.setattr(rows, 'measured', some_fail)
  good, bad = rows.rows_of('stand', {}, ['native'], [8, 16], 1.0)
  assert good['seconds_to_first_update'] == {'cold': 7.0, 'cached': 2.0}
  assert bad == {'engine': 'native', 'num_envs': 16, 'failed': 'out of memory'}
  assert '16  failed: out of memory' in capsys.readouterr().out


def test_where_nothing_can_be_measured_the_reason_is_told(monkeypatch, user_error):
  monkeypatch.setattr(rows, 'measured', lambda request, cache: {'failed': "engine 'mjx-warp' needs warp-lang"})
  assert "nothing could be measured: engine 'mjx-warp' needs warp-lang" in user_error(
    benchmark.main, ['--num-envs=8', '--engines=mjx-warp']
  )
