"""Protects the saving of checkpoints: which are kept, that each is read back, and what a full disk or a kill leaves."""

from __future__ import annotations

import errno

import numpy as np
import pytest
from checkpoint_tools import tree

from mjx_humanoid.core import files
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run import checkpoint
from mjx_humanoid.run.checkpoint import MANIFEST, CheckpointStore, digests, flatten, read


def test_the_last_k_and_the_best_are_kept(store):
  for step, score in [(100, 1.0), (200, 9.0), (300, 2.0), (400, 3.0), (500, 4.0)]:
    store.save(step, tree(), score)
  assert store.steps() == [200, 400, 500]
  assert store.best() == 200


def test_the_best_of_equals_is_the_latest_and_the_former_best_goes(store):
  for step, score in [(100, 5.0), (200, 1.0), (300, 1.0), (400, 5.0), (500, 1.0)]:
    store.save(step, tree(), score)
  assert store.best() == 400
  assert store.steps() == [400, 500]


def test_a_score_of_minus_infinity_is_a_score(store):
  """No episode has ended yet."""
  store.save(100, tree(), -float('inf'))
  store.save(200, tree(), -3.0)
  assert store.best() == 200


def test_best_is_none_before_the_first_checkpoint(store):
  assert store.best() is None


def test_saving_the_same_step_again_replaces_it(store):
  store.save(100, tree(1.0), 1.0)
  store.save(100, tree(2.0), 1.0)
  assert store.steps() == [100]
  assert float(store.load()[1]["['score']"]) == 2.0


def no_room(*arguments, **options):
  raise OSError(errno.ENOSPC, 'No space left on device')


def refuse_orbax(patch):
  import orbax.checkpoint as ocp

  patch.setattr(ocp.PyTreeCheckpointer, 'save', no_room)


def refuse_file(name):
  def refuse(patch):
    store = files._store
    patch.setattr(files, '_store', lambda draft, *rest: no_room() if draft.path.name == name else store(draft, *rest))

  return refuse


@pytest.mark.parametrize(
  'refuse',
  [refuse_orbax, refuse_file(MANIFEST), refuse_file(checkpoint.BEST_FILE)],
  ids=['arrays', 'manifest', 'best'],
)
def test_a_full_disk_is_told_and_earlier_checkpoints_stay(store, monkeypatch, refuse):
  store.save(100, tree(), 1.0)
  with monkeypatch.context() as patch:
    refuse(patch)
    with pytest.raises(UserError, match=r'No space left on device.*Earlier checkpoints are kept'):
      store.save(200, tree(2.0), 2.0)
  assert store.steps()[0] == 100
  assert not list(store.folder.glob('*.partial'))
  read(store.path(100))
  store.save(300, tree(3.0), 3.0)  # once there is space, it goes on
  assert store.load()[0] == 300


NAMES = ['a[b]', '[x]/inside', 'back\\slash', 'star*', 'what?', '{a,b}', 'with space', '%20', "quote'", 'ünïcode', '#x']


@pytest.mark.parametrize('name', NAMES)
def test_any_name_of_a_folder_will_do(tmp_path, name):
  """Orbax reads patterns in paths: below such a folder it wrote half a checkpoint without complaint."""
  store = CheckpointStore(tmp_path / name / 'checkpoints', keep=1)
  for step in (100, 200):
    store.save(step, tree(step), 1.0)
  assert store.steps() == [200]
  arrays = store.load()[1]
  assert {key: array.tobytes() for key, array in arrays.items()} == {
    key: array.tobytes() for key, array in flatten(tree(200)).items()
  }


def half_a_save(patch):
  import orbax.checkpoint as ocp

  save = ocp.PyTreeCheckpointer.save

  def lossy(self, path, *rest):
    save(self, path, *rest)
    (path / 'manifest.ocdbt').unlink()

  patch.setattr(ocp.PyTreeCheckpointer, 'save', lossy)


def wrong_bits(patch):
  import orbax.checkpoint as ocp

  save = ocp.PyTreeCheckpointer.save
  patch.setattr(
    ocp.PyTreeCheckpointer,
    'save',
    lambda self, path, arrays: save(self, path, {name: np.zeros_like(array) for name, array in arrays.items()}),
  )


@pytest.mark.parametrize(
  ('fault', 'words'), [(half_a_save, 'cannot be read back'), (wrong_bits, 'is not what is read back')]
)
def test_what_cannot_be_read_back_replaces_nothing(tmp_path, monkeypatch, fault, words):
  store = CheckpointStore(tmp_path, keep=1)
  store.save(100, tree(), 1.0)
  with monkeypatch.context() as patch:
    fault(patch)
    for step in (200, 300, 100):
      with pytest.raises(UserError, match=words) as error:
        store.save(step, tree(2.0), 2.0)
      assert 'free some space' not in str(error.value)
  assert store.steps() == [100]
  np.testing.assert_array_equal(store.load()[1]["['physics']['state']"], tree()['physics']['state'])


@pytest.mark.parametrize('kind', [ValueError, RuntimeError, KeyError])
def test_an_error_of_the_library_is_not_taken_for_a_full_disk(store, monkeypatch, kind):
  import orbax.checkpoint as ocp

  def broken(*arguments):
    raise kind('bad metadata')

  monkeypatch.setattr(ocp.PyTreeCheckpointer, 'save', broken)
  with pytest.raises(UserError, match=f'{kind.__name__}.*bad metadata') as error:
    store.save(100, tree(), 1.0)
  assert 'space' not in str(error.value)


@pytest.mark.parametrize('content', ['{"step": 1', '', '[]', '{"step": 999, "score": 5}', '{"step": "x", "score": 1}'])
def test_a_damaged_best_file_is_told_and_the_true_best_stays(tmp_path, content):
  told = []
  store = CheckpointStore(tmp_path, keep=1, say=told.append)
  for step, score in ((100, 9.0), (200, 1.0)):
    store.save(step, {**tree(), 'score': score}, score)
  (tmp_path / checkpoint.BEST_FILE).write_text(content)
  store.save(300, {**tree(), 'score': 2.0}, 2.0)
  assert store.best() == 100
  assert store.steps() == [100, 300]
  assert len(told) == 1
  assert checkpoint.BEST_FILE in told[0]


def test_what_came_after_the_step_that_a_run_went_back_to_stays_until_something_new_is_saved(tmp_path):
  store = CheckpointStore(tmp_path, keep=9)
  for step, score in ((100, 1.0), (200, 2.0), (300, 9.0)):
    store.save(step, tree(step), score)
  assert store.load(100)[0] == 100
  assert store.steps() == [100, 200, 300]
  store.save(150, tree(150), 0.5)
  assert store.steps() == [100, 150]
  assert store.best() == 150 or store.best() == 100


def test_a_replacement_that_was_interrupted_is_undone(store, saved):
  """A kill between moving the old one away and the new one in."""
  saved.rename(saved.with_suffix('.replaced'))
  assert store.load()[0] == 100
  assert store.steps() == [100]


def test_what_a_killed_save_left_is_removed_by_the_next(store, saved):
  left = store.folder / '000000000150.partial.orbax-checkpoint-tmp-0'
  left.mkdir()
  store.save(200, tree(), 1.0)
  assert not left.exists()


def test_digests_do_not_depend_on_where_the_folder_lies(saved, tmp_path):
  before = digests(saved)
  moved = saved.rename(tmp_path / 'moved')
  assert digests(moved) == before
  read(moved)
