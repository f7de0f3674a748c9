"""The MJX engine: worlds that start anew where they should, go on exactly from what was packed, and keep to themselves.

How its physics compares with C MuJoCo is in test_parity.py.
"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from mjx_humanoid.core.process import COMPILER_OPTIONS
from mjx_humanoid.core.types import View
from mjx_humanoid.physics.mjx import STATE_FIELDS, MjxEngine, rooms

WORLDS = 16
MASK = np.arange(WORLDS) % 3 == 0


@pytest.fixture(scope='module')
def begin(mjx_engine):
  return jax.jit(mjx_engine.init)


@pytest.fixture(scope='module')
def later(mjx_step, begin, starts, smooth_controls):
  """The worlds after three control steps, some of them in contact; their last view."""
  state = begin(*starts)
  for ctrl in smooth_controls[:3]:
    state, view = mjx_step(state, ctrl)
  return state, view


def arrays(view):
  return [np.asarray(field) for field in view]


def same(a, b, rows=slice(None)):
  return all(np.array_equal(x[rows], y[rows], equal_nan=True) for x, y in zip(arrays(a), arrays(b), strict=True))


def test_views_are_float32_with_a_row_for_each_world(later, model):
  assert isinstance(later[1], View)
  assert [field.dtype for field in later[1]] == [np.float32] * 5
  assert [field.shape for field in later[1]] == [(WORLDS,), *[(WORLDS, n) for n in (28, 27, 21, model.nsensordata)]]


def test_time_counts_the_substeps(later):
  np.testing.assert_allclose(later[1].time, 3 * 5 * 0.005, rtol=1e-5)


def test_the_control_is_reported_as_applied(later, smooth_controls):
  np.testing.assert_array_equal(later[1].ctrl, smooth_controls[2])


def test_a_step_is_compiled_once_for_first_and_later_states(mjx_engine, starts, later):
  """Arrays that JAX holds to differ in being bound to a device would compile the whole training a second time."""
  first, after = mjx_engine.init(*map(jnp.asarray, starts)), later[0]
  assert jax.tree.structure(first) == jax.tree.structure(after)
  pairs = zip(jax.tree.leaves(first), jax.tree.leaves(after), strict=True)
  assert all((a.shape, a.dtype, a.weak_type) == (b.shape, b.dtype, b.weak_type) for a, b in pairs)
  assert len({leaf.committed for leaf in jax.tree.leaves(first)}) == 1


def test_products_are_in_full_precision_whatever_jax_is_set_to(mjx_engine, starts, smooth_controls):
  """By default GPUs round to 10 bits: on an H200, MJX then parted 200 times as far from C MuJoCo as on a CPU."""
  text = jax.jit(mjx_engine.step).lower(mjx_engine.init(*starts), smooth_controls[0]).as_text()
  products = [line for line in text.splitlines() if 'stablehlo.dot_general' in line]
  assert products
  assert all('HIGHEST, HIGHEST' in line for line in products)


def test_a_step_is_a_function_of_its_arguments(mjx_step, later, smooth_controls):
  one, two = mjx_step(later[0], smooth_controls[3])[1], mjx_step(later[0], smooth_controls[3])[1]
  assert same(one, two)


def test_worlds_of_the_mask_start_anew_as_if_they_never_were_others(
  mjx_engine, mjx_step, begin, later, starts, smooth_controls
):
  """Bit for bit: only qpos, qvel, time and the warm start are written, so nothing else may matter."""
  elsewhere = tuple(x[::-1].copy() for x in starts)
  written = mjx_engine.write(later[0], jnp.asarray(MASK), *map(jnp.asarray, elsewhere))
  view = mjx_step(written, smooth_controls[3])[1]
  fresh = mjx_step(begin(*elsewhere), smooth_controls[3])[1]
  assert same(view, fresh, MASK)
  np.testing.assert_allclose(np.asarray(view.time)[MASK], 5 * 0.005, rtol=1e-5)


def test_worlds_outside_the_mask_go_on_unchanged(mjx_engine, mjx_step, later, starts, smooth_controls):
  written = mjx_engine.write(later[0], jnp.asarray(MASK), *map(jnp.asarray, starts))
  assert same(mjx_step(written, smooth_controls[3])[1], mjx_step(later[0], smooth_controls[3])[1], ~MASK)


def test_writing_keeps_the_state_that_was_given(mjx_engine, later, starts):
  before = np.asarray(later[0].data.qpos).copy()
  mjx_engine.write(later[0], jnp.ones(WORLDS, bool), *map(jnp.asarray, starts))
  np.testing.assert_array_equal(later[0].data.qpos, before)


def test_an_empty_mask_changes_nothing(mjx_engine, later, starts):
  written = mjx_engine.write(later[0], jnp.zeros(WORLDS, bool), *map(jnp.asarray, starts))
  assert all(np.array_equal(getattr(written.data, n), getattr(later[0].data, n)) for n in STATE_FIELDS)


def test_what_was_packed_goes_on_exactly(mjx_engine, mjx_step, later, smooth_controls):
  """Through NumPy, as a checkpoint does; in another engine too."""
  packed = {name: np.asarray(value) for name, value in mjx_engine.pack(later[0]).items()}
  assert set(packed) == set(STATE_FIELDS)
  expected = mjx_step(later[0], smooth_controls[3])[1]
  assert same(mjx_step(jax.jit(mjx_engine.unpack)(packed), smooth_controls[3])[1], expected)


def test_nan_in_one_world_stays_there_and_can_be_written_away(
  mjx_engine, mjx_step, begin, later, starts, smooth_controls
):
  state, bad = later[0], np.arange(WORLDS) == 13
  ruined = state._replace(data=state.data.replace(qvel=state.data.qvel.at[13, 4].set(jnp.nan)))
  after, view = mjx_step(ruined, smooth_controls[3])
  assert np.isnan(view.qpos[13]).any()
  assert same(view, mjx_step(state, smooth_controls[3])[1], ~bad)
  mended = mjx_engine.write(after, jnp.asarray(bad), *map(jnp.asarray, starts))
  fresh = mjx_step(begin(*starts), smooth_controls[4])[1]
  assert same(mjx_step(mended, smooth_controls[4])[1], fresh, bad)


# Pushes and worlds that differ: how they compare with C MuJoCo is in test_parity.py

NONE = np.zeros((WORLDS, 3), np.float32)
AIR = slice(0, 8)  # worlds that touch nothing, see conftest.py


@pytest.fixture(scope='module')
def varied_begin(varied_engine):
  return jax.jit(varied_engine.init)


@pytest.mark.slow
def test_a_kick_adds_to_the_velocity_and_to_nothing_else(varied_step, varied_begin, starts, smooth_controls, pushes):
  """Of the whole robot: in the air, physics is the same for all who move evenly."""
  before = varied_step(varied_begin(*starts), smooth_controls[0], NONE, NONE)[1]
  after = varied_step(varied_begin(*starts), smooth_controls[0], NONE, pushes[1])[1]
  qvel = np.asarray(after.qvel - before.qvel)[AIR]
  np.testing.assert_allclose(qvel[:, :3], pushes[1][AIR], atol=2e-5)
  np.testing.assert_allclose(qvel[:, 3:], 0, atol=2e-4)  # rad/s, of which joints reach tens
  moved = np.asarray(after.qpos - before.qpos)[AIR, :3]
  np.testing.assert_allclose(moved, pushes[1][AIR] * 0.025, atol=2e-6)


def test_a_force_ends_with_its_step_and_with_its_episode(
  varied_engine, varied_step, varied_begin, starts, smooth_controls, pushes
):
  """Worlds that start anew and are not pushed go on as if they never had been, bit for bit."""
  pushed, _ = varied_step(varied_begin(*starts), smooth_controls[0], *pushes)
  written = varied_engine.write(pushed, jnp.asarray(MASK), *map(jnp.asarray, starts))
  view = varied_step(written, smooth_controls[1], NONE, NONE)[1]
  fresh = varied_step(varied_begin(*starts), smooth_controls[1], NONE, NONE)[1]
  assert same(view, fresh, MASK)
  assert not same(view, fresh, ~MASK)


def test_worlds_that_differ_and_are_pushed_go_on_exactly_from_what_was_packed(
  varied_engine, varied_step, varied_begin, starts, smooth_controls, pushes
):
  state, _ = varied_step(varied_begin(*starts), smooth_controls[0], *pushes)
  packed = {name: np.asarray(value) for name, value in varied_engine.pack(state).items()}
  expected = varied_step(state, smooth_controls[1], pushes[0], NONE)[1]
  assert same(varied_step(jax.jit(varied_engine.unpack)(packed), smooth_controls[1], pushes[0], NONE)[1], expected)


@pytest.mark.slow
def test_other_fields_of_the_model_are_other_arguments_of_the_same_program(
  varied_step, varied_begin, starts, smooth_controls
):
  """Motors of twice the strength accelerate the joints of robots in the air by twice as much, at once."""
  state = varied_begin(*starts)
  stronger = state._replace(fields={**state.fields, 'actuator_gear': 2 * state.fields['actuator_gear']})

  def rates(before, scale):
    return varied_step(before, scale * smooth_controls[5], NONE, NONE)[1].qvel[AIR, 6:]

  idle = rates(state, 0.0)
  programs = varied_step._cache_size()
  plain, strong = rates(state, 1.0), rates(stronger, 1.0)
  assert varied_step._cache_size() == programs
  once, twice = np.abs(plain - idle), np.abs(strong - idle)
  assert np.median(twice[once > 0.1] / once[once > 0.1]) == pytest.approx(2, rel=0.1)


def test_a_pushed_state_has_the_types_of_a_fresh_one(varied_step, varied_begin, starts, smooth_controls, pushes):
  first = varied_begin(*starts)
  after, _ = varied_step(first, smooth_controls[0], *pushes)
  pairs = zip(jax.tree.leaves(first), jax.tree.leaves(after), strict=True)
  assert all((a.shape, a.dtype, a.weak_type) == (b.shape, b.dtype, b.weak_type) for a, b in pairs)


def test_only_fields_that_vary_have_a_row_for_each_world(varied_engine, varied_begin, varied_fields, starts):
  """They are part of the state: an argument of the compiled step, which other fields need not compile again."""
  fields = varied_begin(*starts).fields
  assert set(fields) == set(varied_fields)
  for name, values in varied_fields.items():
    np.testing.assert_allclose(fields[name], values, rtol=1e-6)
    assert getattr(varied_engine._axes, name) == 0
  assert varied_engine._axes.geom_size is None


def test_names_of_the_two_implementations(mjx_engine):
  assert (mjx_engine.name, mjx_engine.traceable) == ('mjx', True)


RAIL = """
<mujoco>
  <option timestep="0.01" gravity="0 0 0"><flag contact="disable"/></option>
  <worldbody><body><joint name="x" type="slide" axis="1 0 0"/><geom size="0.1" mass="1"/></body></worldbody>
  <actuator><motor joint="x" gear="2"/></actuator>
</mujoco>"""


@pytest.mark.parametrize('substeps', [1, 3])
def test_a_control_step_has_as_many_physics_steps_as_it_should(substeps):
  """1 kg under 2 N from rest: after n steps of 10 ms, v = 0.02 n m/s and x = 0.0002 n (n + 1) / 2 m."""
  engine = MjxEngine(mujoco.MjModel.from_xml_string(RAIL), substeps, impl='jax', num_envs=2)
  step = jax.jit(engine.step, compiler_options=COMPILER_OPTIONS)
  _, view = step(engine.init(jnp.zeros((2, 1)), jnp.zeros((2, 1))), jnp.ones((2, 1)))
  np.testing.assert_allclose(view.time, 0.01 * substeps, rtol=1e-6)
  np.testing.assert_allclose(view.qvel, 0.02 * substeps, rtol=1e-6)
  np.testing.assert_allclose(view.qpos, 0.0002 * substeps * (substeps + 1) / 2, rtol=1e-6)


def test_room_for_contacts_is_counted_from_the_model(model):
  """16 capsules with two contacts on the floor and 3 spheres with one; four rows for each, and 21 limits of joints."""
  shapes = [int(model.geom_type[geom]) for geom in model.pair_geom2]  # the other is the floor
  capsules = shapes.count(int(mujoco.mjtGeom.mjGEOM_CAPSULE))
  assert (capsules, len(shapes) - capsules) == (16, 3)
  assert rooms(model) == (44, 202)  # 35 contacts and 161 rows, times 1.25


def test_mjx_has_room_for_every_contact(mjx_engine, starts):
  assert mjx_engine.overflow(mjx_engine.init(*starts)) is None


def test_environments_whose_contacts_do_not_fit_are_counted(mjx_engine):
  """Bits 0 to 4 are rows and contacts; bit 9 is a solver that would iterate longer."""
  bits = SimpleNamespace(overflow=jnp.array([[0], [1], [8 | 512], [512]]))
  state = SimpleNamespace(data=SimpleNamespace(_impl=bits))
  assert int(mjx_engine.overflow(state)) == 2
