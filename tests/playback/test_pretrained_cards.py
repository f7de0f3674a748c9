"""Protects the pretrained policies' report cards: episode for episode what they were when the policies were judged.

The numbers in cards.json are those of the code before tasks were rebuilt, on four episodes of each card. `rounding`
is by how much a figure changed there where 1e-7 was added to actions at random: other processors round otherwise, and
running is chaotic after a few seconds, so each card is compared closely over its first second, and as a whole within
that or 1 %.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mjx_humanoid.playback.cards import find_card
from mjx_humanoid.playback.chain import cut, steps_of
from mjx_humanoid.playback.figures import measure
from mjx_humanoid.playback.find import load, pretrained_policies
from mjx_humanoid.playback.judge import judge
from mjx_humanoid.playback.rollout import task_and_model

EXPECTED = json.loads((Path(__file__).parent.parent / 'fixtures' / 'cards.json').read_text())
EPISODES = 4
ALLOWED = 10  # times the change by rounding
CLOSE, WHOLE = 1e-6, 0.01  # relative


def assert_as_before(figures, expected, rtol):
  assert set(figures) >= set(expected)
  for name, before in expected.items():
    limit = ALLOWED * before['rounding']
    np.testing.assert_allclose(figures[name], before['values'], rtol=rtol, atol=1e-7 + limit, err_msg=name)


def test_every_pretrained_policy_is_here():
  assert set(EXPECTED) == set(pretrained_policies())


@pytest.mark.parametrize('name', list(EXPECTED))
def test_the_card_of_a_pretrained_policy_is_what_it_was(name):
  policy, expected = load(name), EXPECTED[name]
  task, model = task_and_model(policy.task)
  summary, paths = judge(task, model, policy, EPISODES, 0)
  assert_as_before(measure(cut(paths, steps_of(1.0, task.body)), task.body), expected['first_second'], CLOSE)
  figures = measure(paths, task.body)
  passed = find_card(policy.task.card).judge(figures, paths, task.body)  # which adds figures of its own
  assert_as_before(figures, expected['whole'], WHOLE)
  certain = [i for i, each in enumerate(expected['passed']) if each is not None]  # the others depend on rounding
  assert [passed.tolist()[i] for i in certain] == [expected['passed'][i] for i in certain]
  assert summary['success_rate'] == passed.mean()
