"""Protects the play command: a real video of a policy, and mistakes told before anything is rendered."""

from __future__ import annotations

import dataclasses
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from mjx_humanoid import play
from mjx_humanoid.core.config.schema import TaskConfig
from mjx_humanoid.core.opengl import Gl
from mjx_humanoid.media import render
from mjx_humanoid.media.film import Look
from mjx_humanoid.playback.chain import play_chain
from mjx_humanoid.playback.policy import save_policy
from mjx_humanoid.robots import robots


@pytest.fixture
def without_opengl(monkeypatch):
  """A renderer that is never asked to draw."""
  monkeypatch.setattr('mjx_humanoid.core.opengl.choose_gl', lambda: Gl('egl', 'llvmpipe'))


@pytest.fixture
def no_rendering(monkeypatch, without_opengl):
  """What would be rendered, as (names of the stages, out)."""
  asked = []

  def shoot(stages, arguments, **how):
    asked.append([[stage.name for stage in stages]])
    return []

  monkeypatch.setattr(play, 'shoot', shoot)
  monkeypatch.setattr(render, 'write_video', lambda out, pictures, framerate: asked[-1].append(out))
  monkeypatch.setattr(render, 'write_sheet', lambda out, pictures: None)
  return asked


@pytest.fixture
def saved(make_policy, tmp_path):
  """saved('name', **task) -> the file of a policy of this name and task."""

  def save(name, **settings):
    path = tmp_path / f'{name}.safetensors'
    save_policy(make_policy(info={'name': name}, task=TaskConfig(**settings)), path)
    return str(path)

  return save


def test_a_video_and_a_contact_sheet(opengl, finished_run, tmp_path, capsys, read_video):
  import mediapy

  out = tmp_path / 'new' / 'v.mp4'
  size = ['--width=64', '--height=48', '--seconds=0.5', '--framerate=20', '--episodes=2']
  play.main([str(finished_run), f'--out={out}', *size])
  assert read_video(out)[0].shape == (20, 48, 64, 3)  # 2 episodes x 0.5 s x 20 frames/s
  assert mediapy.read_image(out.with_suffix('.png')).shape == (48, 160, 3)
  assert f'wrote {out} and {out.with_suffix(".png")}' in capsys.readouterr().out


def test_one_after_the_other_and_side_by_side(opengl, finished_run, saved, tmp_path, capsys, read_video):
  """Two policies of 0.2 s each in a row; the same two and random actions beside each other, in the time of one."""
  second, size = saved('second', frame_skip=4), ['--width=64', '--height=48', '--seconds=0.2', '--framerate=20']
  play.main([str(finished_run), second, f'--out={tmp_path / "row.mp4"}', *size])
  assert read_video(tmp_path / 'row.mp4')[0].shape == (8, 48, 64, 3)
  play.main(['--compare', 'random', str(finished_run), second, f'--out={tmp_path / "beside.mp4"}', *size])
  assert read_video(tmp_path / 'beside.mp4')[0].shape == (4, 48, 3 * 64, 3)
  assert f'next: python -m mjx_humanoid.evaluate {finished_run}\n' in capsys.readouterr().out


MISTAKES = {
  'no policy': ([], 'policy'),
  'unknown policy': (['nobody'], "unknown run, policy file or ready policy 'nobody'"),
  'an unknown one after a good one': (['RUN', 'nobody'], "unknown run, policy file or ready policy 'nobody'"),
  'a file that does not exist': (['none.safetensors'], 'there is no policy file or run'),
  'another kind of video': (['RUN', '--out=v.avi'], 'videos are written as .mp4'),
  'no seconds': (['RUN', '--seconds=0'], '--seconds=0.0 is out of range: 0.1 to 600'),
  'seconds that are no number': (['RUN', '--seconds=nan'], 'out of range'),
  'too many episodes': (['RUN', '--episodes=101'], 'out of range: 1 to 100'),
  'framerate': (['RUN', '--framerate=0'], 'out of range'),
  'width': (['RUN', '--width=1'], 'out of range'),
  'height': (['RUN', '--height=99999'], 'out of range'),
  'text for a number': (['RUN', '--episodes=two'], 'invalid int value'),
  'a negative seed': (['RUN', '--seed=-1'], 'seed'),
  'two kinds of action': (['RUN', '--random', '--stochastic'], 'not allowed with'),
  'an unknown option': (['RUN', '--colour'], '--colour'),
  'an unknown camera': (['RUN', '--camera=trak', '--seconds=0.1'], "Did you mean 'track'?"),
  'random actions alone': (['--compare', 'random'], "--compare needs a policy beside 'random'"),
  'random actions in a row': (['RUN', 'random'], "unknown run, policy file or ready policy 'random'"),
  'a push that pulls': (['RUN', '--push=-1'], '--push=-1.0 is out of range: 0 to 10000 N'),
  'a push too hard': (['RUN', '--push=10001'], '--push=10001.0 is out of range'),
  'a push that is no number': (['RUN', '--push=nan'], '--push=nan is out of range'),
  'a push in words': (['RUN', '--push=hard'], 'invalid float value'),
  'half a command': (['RUN', '--command', '1', '0'], 'expected 3 arguments'),
  'a command too fast': (['RUN', '--command', '1', '0', '-10.1'], 'is out of range: -10 to 10 m/s and rad/s'),
  'a command that is no number': (['RUN', '--command', '1', 'nan', '0'], 'is out of range: -10 to 10'),
  'a command in words': (['RUN', '--command', 'go', '0', '0'], 'invalid float value'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_a_mistake_is_one_line_and_no_file(case, finished_run, user_error, tmp_path, monkeypatch, without_opengl):
  monkeypatch.chdir(tmp_path)
  arguments, words = MISTAKES[case]
  message = user_error(play.main, [str(finished_run) if a == 'RUN' else a for a in arguments])
  assert words in message
  assert not list(tmp_path.iterdir())


def test_a_policy_of_another_robot_after_one_of_this_is_one_line(
  saved, user_error, monkeypatch, without_opengl, tmp_path
):
  twin = dataclasses.replace(robots()['humanoid'], name='twin', file='twin.xml')
  monkeypatch.setitem(robots()._things, 'twin', twin)
  message = user_error(play.main, [saved('a'), saved('b', robot='twin'), f'--out={tmp_path / "v.mp4"}'])
  assert message == 'b is a policy of twin and cannot go on where a, of humanoid, ends.'
  assert not (tmp_path / 'v.mp4').exists()


def test_an_odd_width_is_rendered_or_refused_in_words(opengl, finished_run, tmp_path, capfd):
  out = tmp_path / 'v.mp4'
  try:
    play.main([str(finished_run), f'--out={out}', '--seconds=0.2', '--width=63', '--height=47'])
  except SystemExit as end:
    assert end.code == 2
    assert capfd.readouterr().err.startswith('error: ')
  else:
    assert out.stat().st_size > 0


def test_a_policy_of_another_robot_is_refused(make_policy, user_error, tmp_path, without_opengl):
  policy = make_policy()
  kernels, biases = (policy.kernels[0], policy.kernels[1][:, :6]), (policy.biases[0], policy.biases[1][:6])
  save_policy(make_policy(kernels=kernels, biases=biases, log_std=policy.log_std[:6]), tmp_path / 'p.safetensors')
  message = user_error(play.main, [tmp_path / 'p.safetensors', f'--out={tmp_path / "v.mp4"}'])
  assert 'it is a policy of another robot or task' in message


def test_without_any_opengl_it_says_what_to_install(finished_run, user_error, tmp_path, no_opengl):
  assert 'apt-get install' in user_error(play.main, [finished_run, f'--out={tmp_path / "v.mp4"}'])


@pytest.mark.parametrize(('reference', 'expected'), [('run', 'run.mp4'), ('run/policy.safetensors', 'policy.mp4')])
def test_the_video_is_named_after_the_policy_in_the_current_folder(
  finished_run, tmp_path, monkeypatch, no_rendering, reference, expected
):
  shutil.copytree(finished_run, tmp_path / 'run')
  monkeypatch.chdir(tmp_path)
  play.main([reference])
  assert no_rendering == [[['tiny'], Path(expected)]]


def test_the_current_folder_can_be_the_run(finished_run, monkeypatch, no_rendering):
  monkeypatch.chdir(finished_run)
  play.main(['.'])
  assert no_rendering[0][1].suffix == '.mp4'


def test_the_video_of_several_is_named_after_all_of_them(finished_run, saved, tmp_path, monkeypatch, no_rendering):
  shutil.copytree(finished_run, tmp_path / 'run')
  saved('walk')
  monkeypatch.chdir(tmp_path)
  play.main(['run', 'walk.safetensors'])
  play.main(['--compare', 'random', 'run', 'walk.safetensors'])
  assert no_rendering == [
    [['tiny', 'walk'], Path('run_walk.mp4')],
    [['random', 'tiny', 'walk'], Path('random_run_walk.mp4')],
  ]


def test_the_examples_of_the_help_are_understood():
  lines = [re.split(r'  +', line.strip())[0] for line in play.EPILOG.splitlines()[1:]]
  assert len(lines) > 3
  for line in lines:
    command, *given = shlex.split(line.removeprefix('python -m '))
    assert command == 'mjx_humanoid.play'
    assert play.parse(given).policy


# What is played


def arguments(*more):
  return play.parse(['anything', *more])


def test_actions_are_the_mean_unless_asked_otherwise(make_policy):
  policy = make_policy()
  obs = np.random.default_rng(0).normal(size=(3, policy.observation_size)).astype(np.float32)
  (mean,) = play.make_stages([policy], arguments())
  np.testing.assert_array_equal(mean.controller(obs), policy(obs))
  (sampled,) = play.make_stages([policy], arguments('--stochastic', '--seed=1'))
  np.testing.assert_array_equal(sampled.controller(obs), policy(obs, np.random.default_rng(1)))
  (random,) = play.make_stages([policy], arguments('--random', '--seed=1'))
  actions = random.controller(obs)
  assert actions.shape == (3, 21)
  assert np.abs(actions).max() <= 1
  assert len(np.unique(actions)) == 63


def test_random_actions_are_played_in_the_task_of_the_first_policy(make_policy):
  first, second = (make_policy(info={'name': name}, task=TaskConfig(frame_skip=n)) for name, n in (('a', 4), ('b', 5)))
  stages = play.make_stages([None, first, second], arguments('--compare'))
  assert [stage.name for stage in stages] == ['random', 'a', 'b']
  assert stages[0].scene is stages[1].scene


def test_the_tasks_are_the_policies_own_unless_asked_otherwise(make_policy):
  task = TaskConfig(command=(1.0, 0.0, 0.0), pushes='kick', push_force=(5.0, 9.0), start_strength=2.0)
  (stage,) = play.make_stages([make_policy(task=task)], arguments())
  assert stage.scene.task == task


def test_a_command_replaces_that_of_every_policy(make_policy):
  policies = [make_policy(task=TaskConfig(commands='sampled')), make_policy(task=TaskConfig(command=(1.0, 0.0, 0.0)))]
  for stage in play.make_stages(policies, arguments('--command', '-0.5', '0', '0.25')):
    assert (stage.scene.task.commands, stage.scene.task.command) == ('fixed', (-0.5, 0, 0.25))
    (played,) = play_chain([stage], np.random.default_rng(0), 0.1)
    np.testing.assert_array_equal(played.paths.contexts.command, np.tile([-0.5, 0, 0.25], (1, 4, 1)))


def test_a_command_to_stand_still_is_one_too(make_policy):
  (stage,) = play.make_stages([make_policy(task=TaskConfig(command=(1.0, 0.0, 0.0)))], arguments('--command', *'000'))
  assert stage.scene.task.command == (0, 0, 0)


def test_a_push_pushes_with_this_force_every_four_seconds(make_policy):
  """On 41 kg for 0.2 s from 3.8 s on: it shows in the path, and only then."""
  quiet, pushed = (play.make_stages([make_policy()], arguments(*more))[0] for more in ((), ('--push=300',)))
  task = pushed.scene.task
  assert (task.pushes, task.push_force, task.push_duration, task.push_interval) == ('force', (300, 300), 0.2, 4.0)
  a, b = (play_chain([stage], np.random.default_rng(0), 4.0)[0].paths.views.qpos[0] for stage in (quiet, pushed))
  np.testing.assert_array_equal(a[: 160 - 8], b[: 160 - 8])
  assert np.abs(a[-1] - b[-1])[:2].max() > 0.01


@pytest.fixture
def shown(monkeypatch):
  """What films are made of, instead of them: for each film its episodes, their stages, and whether it has labels."""
  films = []

  def film(episodes, look, progress, label):
    films.append((episodes, look, label))
    return [np.zeros((2, 3, 3), np.uint8)]

  monkeypatch.setattr('mjx_humanoid.media.film.film', film)
  return films


def test_a_chain_is_one_film_with_the_stages_of_each_episode_in_order(make_policy, shown):
  given = arguments('--episodes=2', '--seconds=0.1', '--camera=front', '--width=32', '--framerate=7')
  stages = play.make_stages([make_policy(info={'name': name}) for name in 'ab'], given)
  assert play.shoot(stages, given, software=True)[0].shape == (2, 3, 3)
  ((episodes, look, label),) = shown
  assert [[played.stage.name for played in episode] for episode in episodes] == [['a', 'b']] * 2
  for first, second in episodes:
    np.testing.assert_array_equal(first.paths.views.qpos[:, -1], second.paths.start.qpos)
  assert look == Look('front', 32, 480, 7, software=True)
  assert label
  assert not np.array_equal(episodes[0][0].paths.start.qpos, episodes[1][0].paths.start.qpos)


def test_a_chain_tells_what_became_of_each_but_the_last(make_policy, shown, capsys):
  """Nobody with random weights stands for a second: the time of the first is over, and the other has other motors."""
  given = arguments('--seconds=1.5')
  tasks = TaskConfig(robot='humanoid_pd'), TaskConfig()
  stages = play.make_stages([make_policy(info={'name': n}, task=t) for n, t in zip('ab', tasks, strict=True)], given)
  play.shoot(stages, given, software=True)
  expected = 'a: its time over, its goal not reached, after 1.5 s; b goes on, with the motors of humanoid'
  assert capsys.readouterr().out.splitlines() == [expected]


def test_what_was_done_is_told_with_its_time(make_policy, scene):
  stage = play.make_stages([make_policy(info={'name': 'a'})], arguments())[0]
  (first,) = play_chain([stage], np.random.default_rng(0), 0.5)
  assert list(play.told([first._replace(done=True), first])) == ['a: done after 0.5 s; a goes on']
  assert list(play.told([first])) == []


def test_a_command_that_a_policy_cannot_see_is_noted(make_policy, capsys):
  blind = make_policy(info={'name': 'blind'})
  play.make_stages([blind], arguments('--command', '1', '0', '0'))
  assert capsys.readouterr().out == 'note: blind was trained for one command and cannot see another; `follow` can.\n'
  play.make_stages([blind], arguments())
  assert capsys.readouterr().out == ''


def test_a_comparison_is_one_film_each_from_the_same_starts(make_policy, shown):
  """Also of policies that were trained from other starts, or at another control step."""
  given = arguments('--compare', '--episodes=2', '--seconds=0.1')
  tasks = TaskConfig(frame_skip=4, start_strength=2.0), TaskConfig(start='fallen')
  policies = [make_policy(info={'name': name}, task=task) for name, task in zip('ab', tasks, strict=True)]
  stages = play.make_stages([*policies, None], given)
  assert play.shoot(stages, given, software=True)[0].shape == (2, 9, 3)
  assert [[[p.stage.name for p in episode] for episode in episodes] for episodes, _, _ in shown] == [
    [['a'], ['a']], [['b'], ['b']], [['random'], ['random']],
  ]  # fmt: skip
  for episode in range(2):
    first, *others = (episodes[episode][0].paths.start.qpos for episodes, _, _ in shown)
    for other in others:
      np.testing.assert_array_equal(first, other)
  assert all(label for _, _, label in shown)


def test_one_policy_alone_needs_no_label(make_policy, shown):
  given = arguments('--seconds=0.1')
  play.shoot(play.make_stages([make_policy()], given), given, software=False)
  assert shown[0][2] is False


def test_episodes_go_on_for_their_full_length_even_after_a_fall(make_policy, shown):
  given = arguments('--episodes=2', '--seconds=3')
  play.shoot(play.make_stages([make_policy()], given), given, software=False)
  paths = [episode[0].paths.views.qpos for episode in shown[0][0]]
  assert [path.shape for path in paths] == [(1, 120, 28)] * 2  # 3 s of 25 ms
  assert paths[0][0, -1, 2] < 0.8  # it has fallen by then


def test_the_seed_decides_the_episode(make_policy, shown):
  for seed in (0, 0, 1):
    given = arguments('--seconds=0.1', f'--seed={seed}')
    play.shoot(play.make_stages([make_policy()], given), given, software=False)
  first, again, other = (episodes[0][0].paths.views.qpos for episodes, _, _ in shown)
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)
