"""The native engine: plain C MuJoCo, whatever the number of threads, and nothing left over from old episodes."""

import os

import numpy as np
import pytest
from native_tools import STEPS, SUBSTEPS, WORLDS, plain, run, same

from mjx_humanoid.physics.native import NativeEngine, available_cores


@pytest.fixture(scope='module')
def start(model):
  """qpos, qvel of worlds that stand, and of one that falls on its back."""
  rng = np.random.default_rng(0)
  qpos = np.tile(model.qpos0, (WORLDS, 1)) + np.pad(rng.normal(size=(WORLDS, 21)) * 0.05, ((0, 0), (7, 0)))
  qpos[-1, 2:7] = [0.3, np.sqrt(0.5), 0, -np.sqrt(0.5), 0]
  return qpos, rng.normal(size=(WORLDS, model.nv)) * 0.1


@pytest.fixture(scope='module')
def controls(model):
  return np.random.default_rng(1).uniform(-0.5, 0.5, (STEPS, WORLDS, model.nu)).astype(np.float32)


@pytest.fixture
def make(model):
  return lambda num_threads=2, num_envs=WORLDS: NativeEngine(model, num_envs, SUBSTEPS, num_threads)


def test_it_is_plain_mujoco_to_the_last_bit(make, model, start, controls):
  engine = make()
  views = run(engine, engine.init(*start), controls)
  for name, expected in plain(model, *start, controls).items():
    assert np.array_equal(np.stack([getattr(v, name) for v in views]), expected), name


def test_some_of_these_worlds_are_in_contact(make, body, start, controls):
  """Else the test above would say little."""
  engine = make()
  views = run(engine, engine.init(*start), controls)
  assert max(body.sensor(v, 'pelvis_touch')[-1, 0] for v in views) > 10
  assert max(body.sensor(v, 'foot_left_touch')[0, 0] for v in views) > 10


@pytest.mark.parametrize('num_threads', [2, 3, 7])
def test_results_do_not_depend_on_the_number_of_threads(make, start, controls, num_threads):
  one, many = make(1), make(num_threads)
  views = zip(run(one, one.init(*start), controls), run(many, many.init(*start), controls), strict=True)
  assert all(same(a, b) for a, b in views)


def test_a_world_does_not_depend_on_its_neighbours(make, start, controls):
  few, all_ = make(num_envs=2), make()
  alone = run(few, few.init(start[0][:2], start[1][:2]), controls[:, :2])
  together = run(all_, all_.init(*start), controls)
  assert all(same(a, type(b)(*(f[:2] for f in b))) for a, b in zip(alone, together, strict=True))


def test_views_are_float32_with_a_row_for_each_world(make, model, start, controls):
  engine = make()
  view = run(engine, engine.init(*start), controls[:1])[0]
  assert [f.dtype for f in view] == [np.float32] * 5
  assert [f.shape for f in view] == [(WORLDS,), *[(WORLDS, n) for n in (28, 27, 21, model.nsensordata)]]


def test_time_counts_the_substeps(make, start, controls):
  engine = make()
  view = run(engine, engine.init(*start), controls[:3])[-1]
  assert view.time == pytest.approx(np.full(WORLDS, 3 * 5 * 0.005))


def test_the_control_is_reported_as_applied(make, start, controls):
  engine = make()
  view = run(engine, engine.init(*start), controls[:2])[-1]
  assert np.array_equal(view.ctrl, controls[1])


def test_an_old_view_is_not_changed_by_the_next_step(make, start, controls):
  engine = make()
  state, view = engine.step(engine.init(*start), controls[0])
  copy = [np.array(f) for f in view]
  engine.step(state, controls[1])
  assert same(view, copy)


def test_init_starts_everything_anew(make, start, controls):
  engine = make()
  first = run(engine, engine.init(*start), controls)
  again = run(engine, engine.init(*start), controls)
  assert all(same(a, b) for a, b in zip(first, again, strict=True))


def test_what_was_packed_goes_on_exactly(make, start, controls):
  engine = make()
  state = engine.init(*start)
  run(engine, state, controls[:6])
  arrays = engine.pack(state)
  expected = run(engine, state, controls[6:])
  assert all(same(a, b) for a, b in zip(run(engine, engine.unpack(arrays), controls[6:]), expected, strict=True))
  other = make(1)
  assert all(same(a, b) for a, b in zip(run(other, other.unpack(arrays), controls[6:]), expected, strict=True))


def test_what_was_packed_is_a_copy(make, start, controls):
  engine = make()
  state = engine.init(*start)
  arrays = engine.pack(state)
  copy = arrays['state'].copy()
  run(engine, state, controls[:3])
  assert np.array_equal(arrays['state'], copy)
  run(engine, engine.unpack(arrays), controls[:3])
  assert np.array_equal(arrays['state'], copy)


def test_a_world_that_starts_anew_remembers_nothing(make, start, controls):
  """Not time, not control, not the solver's warm start: it goes on as a world that never was another."""
  engine, fresh = make(), make()
  state = engine.init(*start)
  run(engine, state, controls)
  state = engine.write(state, np.ones(WORLDS, bool), *start)
  expected = run(fresh, fresh.init(*start), controls)
  assert all(same(a, b) for a, b in zip(run(engine, state, controls), expected, strict=True))


def test_only_the_rows_of_the_mask_start_anew(make, start, controls):
  engine, other = make(), make()
  state, unwritten = engine.init(*start), other.init(*start)
  run(engine, state, controls[:6])
  run(other, unwritten, controls[:6])
  mask = np.arange(WORLDS) == 2
  elsewhere = (start[0][::-1].copy(), start[1][::-1].copy())  # row 2 of these is row 3 of start
  engine.write(state, mask, *elsewhere)
  view, before = engine.step(state, controls[6])[1], other.step(unwritten, controls[6])[1]
  assert same(view, before, ~mask)
  fresh = make()
  expected = fresh.step(fresh.init(*elsewhere), controls[6])[1]
  assert same(view, expected, mask)
  assert view.time[2] == pytest.approx(5 * 0.005)


def test_an_empty_mask_changes_nothing(make, start, controls):
  engine = make()
  state = engine.init(*start)
  run(engine, state, controls[:3])
  before = engine.pack(state)['state']
  engine.write(state, np.zeros(WORLDS, bool), *start)
  assert np.array_equal(engine.pack(state)['state'], before)


def test_nan_in_one_world_stays_there_and_can_be_written_away(make, start, controls):
  engine, clean = make(), make()
  ruined = start[1].copy()
  ruined[1, 4] = np.nan
  state = engine.init(start[0], ruined)
  view = run(engine, state, controls[:4])[-1]
  expected = run(clean, clean.init(*start), controls[:4])[-1]
  bad = np.arange(WORLDS) == 1
  assert np.isnan(view.qpos[1]).any()
  assert same(view, expected, ~bad)
  engine.write(state, bad, *start)
  fresh = make()
  assert same(engine.step(state, controls[4])[1], fresh.step(fresh.init(*start), controls[4])[1], bad)


def test_threads_default_to_the_cores_of_this_process(make):
  assert make(0).num_threads == available_cores() >= 1
  assert make(3).num_threads == 3


@pytest.mark.skipif(not hasattr(os, 'sched_setaffinity'), reason='the system has no affinity')
def test_cores_are_those_this_process_may_use():
  allowed = os.sched_getaffinity(0)
  os.sched_setaffinity(0, {min(allowed)})
  try:
    assert available_cores() == 1
  finally:
    os.sched_setaffinity(0, allowed)
  assert available_cores() == len(allowed)
