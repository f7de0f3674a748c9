"""A run keeps copies of the files of its user and means them from any folder; they run only where that is allowed."""

import json
import shutil
from pathlib import Path

import pytest

from mjx_humanoid.core import saved_code, trust, user_objects
from mjx_humanoid.core.config.files import load_json, save_json
from mjx_humanoid.core.config.schema import Config, default_config, resolve
from mjx_humanoid.core.config.task import TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.user_objects import find

TEXT = 'from near import SCALE\ndef f(view, body, context): return SCALE * view\n'


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch, tmp_path):
  monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path / 'data'))
  monkeypatch.setattr(trust, '_allowed', set())
  monkeypatch.setattr(user_objects, '_given', {})


@pytest.fixture
def work(tmp_path, monkeypatch):
  """The folder that the user trains in, with a file of code, a helper, poses and a robot."""
  folder = tmp_path / 'work'
  (folder / 'sub').mkdir(parents=True)
  (folder / 'sub' / 'mine.py').write_text(TEXT)
  (folder / 'sub' / 'near.py').write_text('SCALE = 2.0\n')
  (folder / 'poses.npz').write_bytes(b'poses')
  (folder / 'ant.xml').write_text('<mujoco><asset><mesh file="leg.obj"/></asset></mujoco>')
  (folder / 'leg.obj').write_text('v 0 0 0')
  monkeypatch.chdir(folder)
  return folder


def config_of(**task):
  config = default_config()
  config.task.update(task)
  return resolve(config)


OWN = {
  'reward': 'sub/mine.py:f',
  'observations': ('joint_positions', 'sub/mine.py:f'),
  'start': 'poses.npz',
  'robot': 'ant.xml',
}


def trained(folder, config):
  """What training leaves: the config and its code, which the user typed and so allows."""
  folder.mkdir(exist_ok=True)
  saved_code.allow(config, remember=True)
  saved_code.save(config, folder)
  save_json(config, folder / 'config.json')


@pytest.fixture
def run(work, tmp_path, monkeypatch):
  """A run whose author's folder is gone, seen from another process in another folder."""
  trained(work / 'run', config_of(**OWN))
  folder = Path(shutil.move(work / 'run', tmp_path / 'run'))
  monkeypatch.chdir(tmp_path)
  shutil.rmtree(work)
  monkeypatch.setattr(trust, '_allowed', set())
  return folder


def test_what_is_of_the_users_own_is_known_by_its_kind(work):
  found = list(saved_code.references(config_of(**OWN, weights={'sub/mine.py:f': 1.0}, card='x.py:CARD')))
  assert found == [
    ('robot', 'ant.xml'),
    ('reward', 'sub/mine.py:f'),
    ('reward term', 'sub/mine.py:f'),
    ('observation', 'sub/mine.py:f'),
    ('start', 'poses.npz'),
    ('report card', 'x.py:CARD'),
  ]
  assert list(saved_code.references(Config())) == []


def test_every_setting_that_names_something_may_name_the_users_own():
  """Whoever adds a kind of thing to a config sees here that it can be the user's own."""
  names = {'robot', 'reward', 'termination', 'start', 'card'}
  task = {**dict.fromkeys(names, 'm.py:f'), 'observations': ('m.py:f',), 'context': ('m.py:f',)}
  task |= {'weights': {'m.py:f': 1.0}, 'randomization': {'m.py:f': 1.0}}
  config = config_of(**task)
  kinds = [kind for kind, _ in saved_code.references(config)]
  assert kinds == [
    'robot', 'reward', 'reward term', 'observation', 'termination', 'start', 'context part', 'randomization',
    'report card',
  ]  # fmt: skip
  values = default_config().to_dict()
  values |= {'algorithm': 'm.py', 'curriculum': 'm.py:f'}
  values['task']['command']['kind'] = values['task']['push']['kind'] = 'm.py:f'
  kinds = [kind for kind, _ in saved_code.references(resolve(values))]
  assert kinds == ['algorithm', 'curriculum', 'kind of command', 'kind of push']


def test_collected_are_the_files_with_what_they_need(work):
  names = [path.relative_to(work).as_posix() for path in saved_code.collect(config_of(**OWN))]
  assert names == ['ant.xml', 'leg.obj', 'poses.npz', 'sub/mine.py', 'sub/near.py']


def test_a_missing_file_is_said_before_training(work):
  with pytest.raises(UserError, match=r"^observation 'none.py:f': there is no file 'none.py'\.$"):
    saved_code.allow(config_of(observations=('none.py:f',)))
  with pytest.raises(UserError, match=r"^start 'none.npz': there is no file"):
    saved_code.collect(config_of(start='none.npz'))


def test_nothing_is_written_where_nothing_is_of_the_users_own(tmp_path):
  saved_code.save(Config(), tmp_path)
  assert list(tmp_path.iterdir()) == []


def test_the_run_says_what_the_user_typed_and_means_its_copies(run):
  assert json.loads((run / 'config.json').read_text())['task']['reward'] == 'sub/mine.py:f'
  task = load_json(run / 'config.json').task
  places = [run / 'own_code' / path.split('/')[-2] for path in (task.reward, task.start, task.robot)]
  assert [place.name.split('-')[0] for place in places] == ['mine', 'poses', 'ant']
  assert [sorted(path.name for path in place.iterdir()) for place in places] == [
    ['mine.py', 'near.py'], ['poses.npz'], ['ant.xml', 'leg.obj'],
  ]  # fmt: skip
  assert task.observations == ('joint_positions', task.reward)
  assert find(task.reward, 'reward')(3.0, None, None) == 6.0
  assert Path(task.start).read_bytes() == b'poses'


def test_what_is_saved_again_is_what_the_user_typed(run):
  config = load_json(run / 'config.json')
  save_json(config, run / 'again.json')
  assert (run / 'again.json').read_bytes() == (run / 'config.json').read_bytes()
  assert saved_code.portable('stand') == 'stand'


def test_a_resumed_run_keeps_its_copies_and_adds_new_ones(run, tmp_path):
  before = json.loads((run / 'own_code' / 'manifest.json').read_text())
  (tmp_path / 'new.py').write_text('def g(view, body, context): return view\n')
  config = saved_code.renamed(load_json(run / 'config.json'), lambda name: 'new.py:g' if 'poses' in name else name)
  saved_code.save(config, run)
  after = json.loads((run / 'own_code' / 'manifest.json').read_text())
  assert after['references'].items() > before['references'].items()
  assert set(after['sha256']) - set(before['sha256']) == {after['references']['new.py:g'].removesuffix(':g')}


def test_code_of_one_run_goes_into_another(run, tmp_path):
  task = load_json(run / 'config.json').task
  trained(tmp_path / 'second', config_of(reward=task.reward))
  shutil.rmtree(run)
  second = load_json(tmp_path / 'second' / 'config.json').task.reward
  assert find(second, 'reward')(3.0, None, None) == 6.0


def test_two_runs_keep_each_their_own_version(work):
  for scale in (1.0, 2.0):
    (work / 'sub' / 'near.py').write_text(f'SCALE = {scale}\n')
    trained(work / f'{scale}', config_of(reward='sub/mine.py:f'))
  found = [find(load_json(work / f'{x}' / 'config.json').task.reward, 'reward') for x in (1.0, 2.0)]
  assert [function(3.0, None, None) for function in found] == [3.0, 6.0]


def test_a_policy_in_a_folder_of_the_run_means_them_too(run):
  (run / 'recordings').mkdir()
  task = saved_code.localized(TaskConfig(reward='sub/mine.py:f'), run / 'recordings')
  assert task.reward == load_json(run / 'config.json').task.reward
  assert saved_code.localized(TaskConfig(reward='sub/mine.py:f'), run.parent).reward == 'sub/mine.py:f'


# Of somebody else


def test_code_of_somebody_else_is_not_run(run, tmp_path, monkeypatch):
  monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path / 'another user'))
  reward = load_json(run / 'config.json').task.reward
  with pytest.raises(UserError, match=r'/mine\.py is code that you have not run before \(SHA-256 [0-9a-f]{64}\)'):
    find(reward, 'reward')
  assert 'have not run before' in saved_code.unavailable('reward', reward)
  allowed = load_json(run / 'config.json', allow_code=True).task.reward
  assert find(allowed, 'reward')(3.0, None, None) == 6.0
  assert saved_code.unavailable('reward', allowed) is None
  assert trust.remembered() == {}  # for this process only


def test_altered_copies_are_refused(run):
  path = next((run / 'own_code').rglob('near.py'))
  path.write_text('SCALE = 3.0\n')
  with pytest.raises(UserError, match=r'near\.py was altered or is missing'):
    load_json(run / 'config.json')
  path.unlink()
  with pytest.raises(UserError, match=r'near\.py was altered or is missing'):
    load_json(run / 'config.json')


def test_code_that_was_altered_together_with_its_manifest_is_not_run(run):
  path, manifest = next((run / 'own_code').rglob('near.py')), run / 'own_code' / 'manifest.json'
  old = trust.digest(path.read_bytes())
  path.write_text('SCALE = 3.0\n')
  manifest.write_text(manifest.read_text().replace(old, trust.digest(path.read_bytes())))
  with pytest.raises(UserError, match=r'near\.py is code that you have not run before'):
    find(load_json(run / 'config.json').task.reward, 'reward')


@pytest.mark.parametrize(
  'text',
  [
    '',
    '[]',
    '{}',
    '{"references": {}, "sha256": {}}',
    '{"references": {"a": 1}, "sha256": {}, "objects": {}}',
    '{"references": {"sub/mine.py:f": "../../work/mine.py:f"}, "sha256": {}, "objects": {}}',
    '{"references": {}, "sha256": {"/etc/passwd": ""}, "objects": {}}',
  ],
)
def test_a_damaged_manifest_is_refused(run, text):
  (run / 'own_code' / 'manifest.json').write_text(text)
  with pytest.raises(UserError, match='is not a readable manifest'):
    load_json(run / 'config.json')


# Objects


def test_of_an_object_the_text_is_kept_and_the_user_is_told(tmp_path):
  def f(view, body, context):
    return view

  config = config_of(reward=f)
  assert config.task.reward == 'python:f'
  [line] = saved_code.notes(config)
  assert line.startswith(
    'reward f is defined in another function: play, evaluate, export and --resume of this run need'
  )
  saved_code.allow(config)
  saved_code.save(config, tmp_path)
  manifest = json.loads((tmp_path / 'own_code' / 'manifest.json').read_text())
  assert manifest['objects']['python:f'].strip().startswith('def f(view, body, context):')
  assert saved_code.localized(config.task, tmp_path).reward == 'python:f'


def test_digests_are_those_of_the_copies_and_of_the_originals(work):
  config = config_of(**OWN)
  trained(work / 'run', config)
  digests = saved_code.digests(config)
  assert sorted(digests) == ['ant.xml', 'poses.npz', 'sub/mine.py:f']
  assert saved_code.digests(load_json(work / 'run' / 'config.json')) == digests
  (work / 'sub' / 'near.py').write_text('SCALE = 5.0\n')
  changed = saved_code.digests(config)
  assert [name for name in digests if changed[name] != digests[name]] == ['sub/mine.py:f']
