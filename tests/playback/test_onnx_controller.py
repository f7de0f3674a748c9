"""A controller in ONNX does in a whole episode what the policy does in this package."""

import dataclasses

import numpy as np
import pytest

from mjx_humanoid.core.config.settings import replaced
from mjx_humanoid.playback.find import load
from mjx_humanoid.playback.judge import commanded
from mjx_humanoid.playback.onnx_controller import largest_difference, layout, memory_size, observed, to_onnx
from mjx_humanoid.playback.rollout import rollout, start_states, task_and_model
from mjx_humanoid.tasks.context.contact_force import LastForce

STEPS = 150


@pytest.mark.parametrize(
  ('name', 'command'),
  [('stand', (0.0, 0.0, 0.0)), ('walk', (1.2, 0.0, 0.0)), ('follow', (0.6, 0.2, 0.4)), ('stand_robust', (0.0,) * 3)],
)
def test_it_acts_like_the_policy_through_an_episode(name, command):
  pytest.importorskip('onnxruntime')
  policy = load(name)
  quiet = {**commanded(command), 'push.kind': 'none', 'randomization': {}}
  task, model = task_and_model(replaced(policy.task, quiet, 'config.task'))
  rng = np.random.default_rng(3)
  starts = start_states(task, model, rng, 1)
  paths = rollout(task, model, policy, *starts, STEPS, rng=rng, stop_at_end=False)
  assert np.abs(paths.views.ctrl).max() > 0.05
  assert largest_difference(to_onnx(policy, task, {}), policy, task, paths) < 1e-4


def test_it_answers_to_the_command_it_is_given():
  runtime = pytest.importorskip('onnxruntime')
  policy = load('follow')
  task, model = task_and_model(policy.task)
  session = runtime.InferenceSession(to_onnx(policy, task, {}), providers=['CPUExecutionProvider'])
  still = {
    'qpos': model.qpos0.astype(np.float32),
    'qvel': np.zeros(model.nv, np.float32),
    'sensordata': np.zeros(model.nsensordata, np.float32),
    'memory': np.zeros(memory_size(task), np.float32),
  }
  ahead, back = (
    session.run(['ctrl', 'memory_next'], {**still, 'command': np.array([v, 0, 0], np.float32)}) for v in (1.5, -0.5)
  )
  assert np.abs(ahead[0] - back[0]).max() > 0.05
  # The memory begins with the flag that an episode runs, the step count and (behind others) the command.
  first = 1 + sum(size for name, size in list(layout(task).items())[: list(layout(task)).index('command')])
  np.testing.assert_allclose(ahead[1][:2], [1, 0])
  np.testing.assert_allclose(ahead[1][first : first + 3], [1.5, 0, 0])


def test_its_size_is_that_of_its_parts():
  task, _ = task_and_model(load('walk').task)
  sizes = {'step': 1, 'command': 3, 'heading': 2, 'target_position': 2, 'phase': 1, 'duty': 1, 'requested': 3}
  assert layout(task) == sizes
  assert memory_size(task) == 1 + 13 + 21


def test_parts_of_the_context_that_only_rewards_read_are_left_out():
  task, _ = task_and_model(load('walk').task)
  assert 'last_force' in task.config.context
  kept = observed(task).parts
  assert len(kept) == len(task.context.parts) - 1
  assert not any(isinstance(part, LastForce) for part in kept)


def test_parts_that_an_observation_reads_stay():
  task, _ = task_and_model(load('walk').task)

  def observe(view, body, context):
    return context.extra['last_force']

  assert observed(dataclasses.replace(task, observe=observe)).parts == task.context.parts
