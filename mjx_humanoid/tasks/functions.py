"""Signatures of the functions of a task, which are built-in or the user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from mjx_humanoid.core.types import Array, Terms, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.tasks.context.context import Context

RewardFn: TypeAlias = Callable[[View, Body, Context], tuple[Array, Terms]]  # one environment: total [], named terms
ObserveFn: TypeAlias = Callable[[View, Body, Context], Array]  # [..., n], for any leading axes
TerminateFn: TypeAlias = Callable[[View, Body, Context], Array]  # bool [...], for any leading axes
# Simulates limp robots until they rest: (qpos [n, nq], qvel [n, nv], seconds) -> (qpos, qvel) at the end.
SettleFn: TypeAlias = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray]]
# NumPy, on the host: (body, generator, strength [n], settle) -> qpos [n, nq], qvel [n, nv]
StartFn: TypeAlias = Callable[[Body, np.random.Generator, np.ndarray, SettleFn], tuple[np.ndarray, np.ndarray]]
