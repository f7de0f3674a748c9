"""Signatures of the functions that a task is made of, each chosen by name or a user's own."""

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
# Where limp robots come to rest: (qpos [n, nq], qvel [n, nv], seconds) -> the same, later.
SettleFn: TypeAlias = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray]]
# NumPy, on the host: (body, generator, strength [n], settle) -> qpos [n, nq], qvel [n, nv]
StartFn: TypeAlias = Callable[[Body, np.random.Generator, np.ndarray, SettleFn], tuple[np.ndarray, np.ndarray]]
