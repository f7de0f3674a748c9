"""Protects checkpoints: whole or not at all, refused after any change, and only for the training they are of."""

from __future__ import annotations

import json

import jax.numpy as jnp
import numpy as np
import pytest
from checkpoint_tools import Part, tree

from mjx_humanoid.core.errors import UserError
from mjx_humanoid.run.checkpoint import MANIFEST, flatten, read, unflatten


def test_round_trip_bit_for_bit_with_types(store, saved):
  step, arrays, path = store.load()
  assert (step, path) == (100, saved)
  restored = unflatten(tree(5.0), arrays, path)
  expected = tree()
  for name, array in flatten(expected).items():
    assert arrays[name].dtype == array.dtype, name
    assert arrays[name].tobytes() == array.tobytes(), name
  assert isinstance(restored['learner'], Part)
  np.testing.assert_array_equal(restored['learner'].weights, expected['learner'].weights)


def test_arrays_without_elements_take_no_room_and_come_back(store):
  """Such as the queue of controls where none arrive late: Orbax refuses to store them."""
  empty = np.zeros((16, 0, 21), np.float32)
  store.save(100, {**tree(), 'sent': empty}, 1.0)
  _, arrays, path = store.load()
  assert "['sent']" not in arrays
  restored = unflatten({**tree(5.0), 'sent': empty}, arrays, path)
  assert restored['sent'].shape == (16, 0, 21)
  np.testing.assert_array_equal(restored['physics']['state'], tree()['physics']['state'])
  with pytest.raises(UserError, match=r"\['sent'\] is absent there and \(16, 2, 21\) here"):
    unflatten({**tree(), 'sent': np.zeros((16, 2, 21))}, arrays, path)


def test_an_array_that_has_elements_there_and_none_here_is_refused(store):
  store.save(100, {**tree(), 'sent': np.zeros((16, 2, 21))}, 1.0)
  _, arrays, path = store.load()
  with pytest.raises(UserError, match=r"\['sent'\] is \(16, 2, 21\) there and absent here"):
    unflatten({**tree(), 'sent': np.zeros((16, 0, 21))}, arrays, path)


def test_the_manifest_names_every_file_with_its_sha256(saved):
  import hashlib

  manifest = json.loads((saved / MANIFEST).read_text())
  files = {p.relative_to(saved).as_posix(): p for p in saved.rglob('*') if p.is_file() and p.name != MANIFEST}
  assert manifest == {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in files.items()}
  assert len(files) > 1


def test_one_flipped_bit_in_any_file_is_refused(store, saved):
  for path in sorted(p for p in saved.rglob('*') if p.is_file() and p.name != MANIFEST):
    content = path.read_bytes()
    altered = bytearray(content)
    if altered:
      altered[len(altered) // 2] ^= 1
    path.write_bytes(bytes(altered) if altered else b'x')
    with pytest.raises(UserError, match='truncated or altered') as error:
      store.load()
    assert path.relative_to(saved).as_posix() in str(error.value)
    path.write_bytes(content)
  store.load()  # and whole again, it loads


def test_a_truncated_file_is_refused(store, saved):
  largest = max((p for p in saved.rglob('*') if p.is_file() and p.name != MANIFEST), key=lambda p: p.stat().st_size)
  largest.write_bytes(largest.read_bytes()[:-1])
  with pytest.raises(UserError, match='truncated or altered'):
    store.load()


def test_a_missing_file_is_refused(store, saved):
  next(p for p in saved.rglob('*') if p.is_file() and p.name != MANIFEST).unlink()
  with pytest.raises(UserError, match='truncated or altered'):
    store.load()


def test_a_file_too_many_is_refused(store, saved):
  (saved / 'stranger').write_text('hello')
  with pytest.raises(UserError, match=r'stranger differs'):
    store.load()


@pytest.mark.parametrize('content', [b'', b'{"a": ', b'\xff\xfe'])
def test_a_damaged_manifest_is_refused(saved, content):
  (saved / MANIFEST).write_bytes(content)
  with pytest.raises(UserError, match='is not a readable manifest of a checkpoint'):
    read(saved)


@pytest.mark.parametrize('content', [b'[]', b'3', b'null'])
def test_a_manifest_that_is_json_but_no_manifest_is_refused(saved, content):
  (saved / MANIFEST).write_bytes(content)
  with pytest.raises(UserError):
    read(saved)


def test_a_folder_without_a_manifest_is_no_checkpoint(store, saved):
  """A process that was killed while saving leaves no manifest in a folder of that name."""
  (store.folder / '000000000200').mkdir()
  assert store.steps() == [100]
  assert store.load()[0] == 100


def test_no_checkpoint_at_all(store):
  with pytest.raises(UserError, match='no complete checkpoint'):
    store.load()


def test_a_step_that_was_not_saved_lists_those_that_were(store, saved):
  with pytest.raises(UserError, match=r'no checkpoint of step 7 .*\[100\]'):
    store.load(7)


def test_an_older_step_can_be_asked_for(store):
  for step in (100, 200):
    store.save(step, tree(step), 1.0)
  assert float(store.load(100)[1]["['score']"]) == 100.0


def test_another_network_is_refused_with_the_leaf_named(store, saved):
  _, arrays, path = store.load()
  other = tree()
  other['learner'] = other['learner']._replace(weights=jnp.zeros((5, 4)))
  with pytest.raises(UserError, match=r"\['learner'\]\.weights is \(5, 3\) there and \(5, 4\) here"):
    unflatten(other, arrays, path)


@pytest.mark.parametrize(('change', 'words'), [('extra', 'is absent there'), ('missing', r'and absent here')])
def test_leaves_that_only_one_side_has_are_refused(saved, store, change, words):
  _, arrays, path = store.load()
  other = tree()
  if change == 'extra':
    other['added'] = np.zeros(2)
  else:
    del other['physics']
  with pytest.raises(UserError, match=words):
    unflatten(other, arrays, path)
