"""Protects policies one after the other: when one is done, and that the next goes on exactly from there."""

from __future__ import annotations

import numpy as np
import pytest
from made_up import at_rest, changed

from mjx_humanoid.core.config.task import CommandConfig, TaskConfig
from mjx_humanoid.core.errors import UserError
from mjx_humanoid.core.types import View
from mjx_humanoid.playback import chain
from mjx_humanoid.playback.cards import Card
from mjx_humanoid.playback.chain import HELD, Stage, cut, done_after, make_stages, play_chain, random_stage, steps_of
from mjx_humanoid.playback.rollout import rollout, start_states, task_and_model

DT = 0.025  # s, a control step of the humanoid
SECOND = 40  # steps


def still(obs):
  return np.zeros((len(obs), 21))


def rng(seed=0):
  return np.random.default_rng(seed)


@pytest.fixture
def goals(monkeypatch):
  """goals(name=function) -> there are only these cards, with these goals."""

  def put(**functions):
    monkeypatch.setattr(chain, 'find_card', lambda name: Card('', 1.0, None, {}, functions[name]))

  return put


def after(seconds):
  """The goal of having played for longer than this."""
  return lambda paths, body: paths.views.time > seconds + 1e-4


def never(paths, body):
  return np.zeros(paths.views.time.shape, bool)


def test_what_is_compared_begins_where_the_card_of_the_first_policy_does(make_policy):
  lying, standing = (make_policy(task=TaskConfig(card=card, start_strength=2.0)) for card in ('getup', 'stand'))
  together = make_stages([None, lying, standing], {}, compare=True)
  assert [(s.task.config.start, s.task.config.start_strength) for s in together] == [('fallen', 1.0)] * 3
  apart = make_stages([lying, standing], {})
  assert [s.task.config.start for s in apart] == ['fallen', 'standing']


def test_random_actions_come_from_their_own_generator(make_policy):
  first, again, other = (
    make_stages([None, make_policy()], {}, noise=rng(seed))[0].controller(np.zeros((2, 52))) for seed in (3, 3, 4)
  )
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)
  assert np.abs(first).max() <= 1


@pytest.fixture
def stage(task, model):
  """stage('name', card='stand', ...) -> a limp robot in this task; push__kind= sets push.kind."""

  def make(name, **settings):
    dotted = {key.replace('__', '.'): value for key, value in settings.items()}
    return Stage(name, changed(task, dotted), model, still)

  return make


# When a goal is reached


@pytest.mark.parametrize(
  ('reached', 'expected'),
  [
    ([True] * 60, 40),
    ([True] * 40, 40),
    ([True] * 39, None),
    ([False] * 10 + [True] * 50, 50),
    ([True] * 39 + [False] + [True] * 40 + [False], 80),  # an interruption begins the second anew
    ([True, False] * 40, None),
    ([False] * 60, None),
  ],
)
def test_a_policy_is_done_when_its_goal_was_held_for_a_second(task, goals, reached, expected):
  goals(stand=lambda paths, body: np.array([reached]))
  assert HELD == 1.0
  assert done_after(task, at_rest(task.body, 1, len(reached))) == expected


def test_what_has_no_goal_is_never_done(task, goals):
  goals(stand=None)
  assert done_after(task, at_rest(task.body, 1, 99)) is None


def test_a_second_is_counted_in_control_steps_of_the_task():
  body = task_and_model(TaskConfig(frame_skip=4))[0].body
  assert [steps_of(seconds, body) for seconds in (1.0, 0.1, 0.001, 0.0)] == [50, 5, 1, 1]


# One after the other


def test_it_goes_on_to_the_next_when_the_goal_was_held(stage, goals):
  """Reached after 0.2 s, that is in step 9, and held for a second: 8 + 40 steps; the last one plays throughout."""
  goals(first=after(0.2), second=after(0.0))
  played = play_chain([stage('a', card='first'), stage('b', card='second')], rng(), 1.5)
  assert [p.stage.name for p in played] == ['a', 'b']
  assert [p.paths.terminated.shape for p in played] == [(1, 8 + SECOND), (1, 60)]
  assert [p.done for p in played] == [True, False]


def test_it_goes_on_to_the_next_after_the_time_where_the_goal_was_not_reached(stage, goals):
  goals(first=never, second=None, third=None)
  chain_of_three = [stage('a', card='first'), stage('b', card='second'), stage('c', card='third')]
  played = play_chain(chain_of_three, rng(), 0.5)
  assert [p.paths.terminated.shape for p in played] == [(1, 20)] * 3
  assert not any(p.done for p in played)


def test_one_alone_plays_throughout_whatever_its_goal(stage, goals):
  goals(stand=after(0.0))
  (played,) = play_chain([stage('a')], rng(), 2.0)
  assert (played.paths.terminated.shape, played.done) == ((1, 80), False)


def test_the_next_starts_exactly_where_the_one_before_was_cut(stage, goals):
  """Places, velocities and all; only its clock and its context are its own."""
  goals(first=after(0.2), second=None)
  first, second = play_chain([stage('a', card='first'), stage('b', card='second')], rng(), 1.5)
  for name in ('qpos', 'qvel'):
    before, start = getattr(first.paths.views, name)[:, -1], getattr(second.paths.start, name)
    np.testing.assert_array_equal(start, before)
  assert np.abs(second.paths.start.qvel).max() > 0.1  # it was falling by then
  np.testing.assert_allclose(second.paths.views.time[0, 0], DT, rtol=1e-4)
  np.testing.assert_array_equal(second.paths.contexts.step[0, :3], [1, 2, 3])
  last = View(*(field[:, -1] for field in first.paths.views))
  heading = first.stage.task.body.heading(last)
  np.testing.assert_allclose(second.paths.contexts.heading[:, 0], heading, atol=1e-6)


def falls_unless(monkeypatch, good):
  """The trial of a moment succeeds where good(height of the root) holds; counts the states tried."""
  tried = []

  def on_feet(following, qpos, qvel, seconds):
    tried.append((following.name, len(qpos), seconds))
    return good(qpos[:, 2])

  monkeypatch.setattr(chain, 'on_feet', on_feet)
  return tried


def test_the_next_takes_over_at_the_closest_moment_from_which_it_stays_on_its_feet(stage, monkeypatch):
  """Moments are 2 steps apart and up to 40 earlier; in two episodes of 60 steps the root sinks by 1 cm a step."""
  first, second = stage('a'), stage('b')
  paths = at_rest(first.task.body, 2, 60)
  qpos = np.array(paths.views.qpos)
  qpos[:, :, 2] = 1.6 - 0.01 * np.arange(1, 61)
  paths = paths._replace(views=paths.views._replace(qpos=qpos))
  tried = falls_unless(monkeypatch, lambda height: (height > 1.395) & (height < 1.445))  # steps 16 to 20
  assert chain.take_overs(first, second, paths, [30, 59], later=False) == [20, 19]
  assert tried == [('b', 15 + 21, 3.0)]  # 2, 4 .. 30 and 19, 21 .. 59
  assert chain.take_overs(first, second, paths, [3, 10], later=True) == [17, 16]
  falls_unless(monkeypatch, lambda height: height < 0)
  assert chain.take_overs(first, second, paths, [30, 59], later=False) == [30, 59]
  falls_unless(monkeypatch, lambda height: height > 0)
  assert chain.take_overs(first, second, paths, [30, 59], later=True) == [30, 59]


def test_what_falls_or_lies_is_not_on_its_feet(stage):
  """A limp robot reaches the floor within three seconds, and not within a tenth of one."""
  limp, qpos = stage('a'), stage('a').task.body.default_qpos[None].astype(float)
  qvel = np.zeros((1, 27))
  assert [chain.on_feet(limp, qpos, qvel, seconds).tolist() for seconds in (0.1, 3.0)] == [[True], [False]]
  qpos[0, 2:7] = 0.2, 0.7071, 0, -0.7071, 0  # on its back
  assert not chain.on_feet(stage('a', termination='never'), qpos, qvel, 0.1).any()


def test_a_chain_is_cut_where_the_next_takes_over(stage, goals, monkeypatch):
  goals(first=never, second=None)
  falls_unless(monkeypatch, lambda height: np.arange(len(height)) == 3)  # 6 steps before the end
  first, second = play_chain([stage('a', card='first'), stage('b', card='second')], rng(), 1.5)
  assert first.paths.terminated.shape == (1, 54)
  np.testing.assert_array_equal(second.paths.start.qpos, first.paths.views.qpos[:, -1])


def test_being_cut_changes_nothing_of_what_was_played(stage, goals):
  goals(first=after(0.2), second=None)
  stages = [stage('a', card='first'), stage('b', card='second')]
  first = play_chain(stages, rng(3), 1.5)[0].paths
  alone = play_chain(stages[:1], rng(3), 1.5)[0].paths
  steps = first.terminated.shape[1]
  np.testing.assert_array_equal(first.views.qpos, alone.views.qpos[:, :steps])
  np.testing.assert_array_equal(first.contexts.step, alone.contexts.step[:, :steps])


def test_cut_cuts_everything(task, model):
  paths = cut(rollout(task, model, still, *start_states(task, model, rng(), 2), 5), 3)
  arrays = [*paths.views, *paths.contexts[:-1], *paths.contexts.extra.values(), paths.terminated]
  assert {x.shape[:2] for x in arrays} == {(2, 3)}
  assert paths.start.qpos.shape == (2, 28)


def test_each_plays_in_its_own_task_and_for_the_same_time(goals, stage):
  """Half a second is 20 control steps of 25 ms and 25 of 20 ms; each sees its own command."""
  goals(stand=None)
  quick = task_and_model(TaskConfig(frame_skip=4, command=CommandConfig(value=(1.0, 0.0, 0.0))))
  stages = [stage('a'), Stage('b', *quick, still), stage('c', command__value=(0.0, 0.5, 0.0))]
  played = play_chain(stages, rng(), 0.5)
  assert [p.paths.terminated.shape[1] for p in played] == [20, 25, 20]
  commands = [p.paths.contexts.command[0, 0].tolist() for p in played]
  assert commands == [[0, 0, 0], [1, 0, 0], [0, 0.5, 0]]


def test_a_fall_ends_nothing(stage, goals):
  goals(stand=None)
  (played,) = play_chain([stage('a')], rng(), 3.0)
  assert played.paths.terminated.shape == (1, 120)
  assert played.paths.terminated[0, -1]


def test_the_first_starts_as_its_task_says(stage, goals):
  goals(stand=None)
  lying, standing = stage('a', start='fallen'), stage('b', start_strength=0.0)
  down, up = play_chain([lying, standing], rng(), 0.1), play_chain([standing, lying], rng(), 0.1)
  assert down[0].paths.start.qpos[0, 2] < 0.5
  np.testing.assert_allclose(up[0].paths.start.qpos[0, 7:], standing.task.body.relaxed_qpos[7:], atol=1e-6)


def test_the_generator_decides_the_start_and_all_events(stage, goals):
  goals(stand=None)
  kicked = stage('a', push__kind='kick', push__interval=0.1)
  eventful = [kicked, stage('b', command__kind='sampled', command__interval=0.1)]
  first, again, other = (play_chain(eventful, rng(seed), 0.5) for seed in (1, 1, 2))
  for i in range(2):
    np.testing.assert_array_equal(first[i].paths.views.qpos, again[i].paths.views.qpos)
    np.testing.assert_array_equal(first[i].paths.contexts.command, again[i].paths.contexts.command)
    assert not np.array_equal(first[i].paths.views.qpos, other[i].paths.views.qpos)


# The policies of a chain


def test_each_policy_acts_in_its_own_task(make_policy):
  policies = [
    make_policy(info={'name': 'a'}, task=TaskConfig(command=CommandConfig(value=(1.0, 0.0, 0.0)))),
    make_policy(info={'name': 'b'}, task=TaskConfig(frame_skip=4, card='kneel')),
  ]
  stages = make_stages(policies, {})
  assert [s.name for s in stages] == ['a', 'b']
  assert [s.task.config.card for s in stages] == [p.task.card for p in policies]
  assert [s.task.body.control_step for s in stages] == pytest.approx([0.025, 0.02])
  obs = rng().normal(size=(3, policies[0].observation_size))
  for made, policy in zip(stages, policies, strict=True):
    np.testing.assert_array_equal(made.controller(obs), policy(obs))


def test_actions_are_sampled_where_a_generator_is_given(make_policy):
  policy = make_policy()
  obs = rng().normal(size=(3, policy.observation_size))
  (sampled,) = make_stages([policy], {}, rng(5))
  np.testing.assert_array_equal(sampled.controller(obs), policy(obs, rng(5)))
  assert not np.array_equal(sampled.controller(obs), policy(obs))


def test_changes_hold_for_every_policy(make_policy):
  stages = make_stages([make_policy(), make_policy(task=TaskConfig(frame_skip=4))], {'command.value': (0.5, 0.0, 0.0)})
  assert [s.task.config.command.value for s in stages] == [(0.5, 0, 0)] * 2
  played = play_chain(stages, rng(), 0.1)
  assert [p.paths.contexts.command[0, 0].tolist() for p in played] == [[0.5, 0, 0]] * 2


def test_changes_that_do_not_exist_are_refused(make_policy):
  with pytest.raises(UserError, match="unknown kind of push 'nope'"):
    make_stages([make_policy()], {'push.kind': 'nope'})


def test_a_policy_that_does_not_fit_its_robot_is_refused(make_policy):
  policy = make_policy()
  fewer = make_policy(
    kernels=(policy.kernels[0], policy.kernels[1][:, :6]), biases=(policy.biases[0], policy.biases[1][:6]),
    log_std=policy.log_std[:6], info={'name': 'small'},
  )  # fmt: skip
  with pytest.raises(UserError, match=r'^small has 52 observations and 6 actions, but humanoid .*'):
    make_stages([policy, fewer], {})


def test_a_policy_of_another_robot_cannot_go_on(make_policy, twin):
  policies = [make_policy(info={'name': 'a'}), make_policy(info={'name': 'b'}, task=TaskConfig(robot='twin'))]
  with pytest.raises(UserError, match=r'^b is a policy of twin and cannot go on where a, of humanoid, ends\.$'):
    make_stages(policies, {})


def test_policies_of_two_robots_are_not_compared(make_policy, twin):
  policies = [make_policy(info={'name': 'a'}), None, make_policy(info={'name': 'b'}, task=TaskConfig(robot='twin'))]
  message = r'^b is a policy of twin and a of humanoid: policies are compared from the same start states, so that all '
  with pytest.raises(UserError, match=message + r'must be of one robot; play them one by one\.$'):
    make_stages(policies, {}, compare=True)


def test_a_policy_of_the_same_body_with_other_motors_goes_on(make_policy):
  policies = [make_policy(), make_policy(task=TaskConfig(robot='humanoid_pd'))]
  assert [s.task.body.robot.name for s in make_stages(policies, {})] == ['humanoid', 'humanoid_pd']


def test_random_actions_in_the_task_of_another(stage):
  template = stage('a', command__value=(1.0, 0.0, 0.0))
  random = random_stage(template, rng(2))
  assert (random.name, random.task, random.model) == ('random', template.task, template.model)
  first, second = random.controller(np.zeros((4, 52))), random.controller(np.zeros((4, 52)))
  assert first.shape == (4, 21)
  assert np.abs([first, second]).max() <= 1
  assert len(np.unique([first, second])) == 2 * 4 * 21
  np.testing.assert_array_equal(random_stage(template, rng(2)).controller(np.zeros((4, 52))), first)
