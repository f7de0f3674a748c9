"""What gradients become before Adam sees them, by hand and against optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mjx_humanoid.rl.gradients import clipped, halted


def grads_of(value):
  return {
    'log_std': jnp.zeros(1),
    'mean_head': {'kernel': jnp.array([[0.3, 0.4]])},
    'value': {'kernel': jnp.full(1, value)},
  }


def test_gradients_are_scaled_down_to_a_norm_together_as_optax_does():
  grads = grads_of(1.2)  # norm sqrt(0.25 + 1.44) = 1.3
  by_hand = clipped(grads, 0.65, jnp.array(True))
  np.testing.assert_allclose(by_hand['mean_head']['kernel'], [[0.15, 0.2]], rtol=1e-6)
  np.testing.assert_allclose(by_hand['value']['kernel'], [0.6], rtol=1e-6)
  for limit in (0.65, 1.29, 1.31):
    expected, _ = optax.clip_by_global_norm(limit).update(grads, optax.EmptyState())
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), clipped(grads, limit, jnp.array(True)), expected
    )


def test_while_the_critic_learns_alone_its_gradients_do_not_scale_down_the_actors():
  """Those of norm 0.5 and 100: each by itself."""
  found = clipped(grads_of(100.0), 1.0, jnp.array(False))
  np.testing.assert_allclose(found['mean_head']['kernel'], [[0.3, 0.4]], rtol=1e-6)
  np.testing.assert_allclose(found['value']['kernel'], [1.0], rtol=1e-6)
  found = clipped(grads_of(0.3), 0.25, jnp.array(False))
  np.testing.assert_allclose(found['mean_head']['kernel'], [[0.15, 0.2]], rtol=1e-6)
  np.testing.assert_allclose(found['value']['kernel'], [0.25], rtol=1e-6)


def test_no_gradient_at_all_stays_none():
  grads = jax.tree.map(jnp.zeros_like, grads_of(0.0))
  for acting in (True, False):
    jax.tree.map(np.testing.assert_array_equal, clipped(grads, 1.0, jnp.array(acting)), grads)


def test_an_actor_that_waits_gathers_no_momentum_but_the_scale_of_its_gradients():
  """By hand, after one gradient: Adam's first moment is a tenth of it, its second a thousandth of its square."""
  optimizer = optax.chain(optax.identity(), optax.scale_by_adam())
  grads = grads_of(2.0)
  _, state = optimizer.update(grads, optimizer.init(grads))
  for acting, share in ((True, 0.1), (False, 0.0)):
    _, adam = halted(state, jnp.array(acting))
    np.testing.assert_allclose(adam.mu['mean_head']['kernel'], share * grads['mean_head']['kernel'], rtol=1e-6)
    np.testing.assert_allclose(adam.mu['value']['kernel'], [0.2], rtol=1e-6)
    jax.tree.map(lambda v, g: np.testing.assert_allclose(v, 0.001 * g**2, rtol=1e-5), adam.nu, grads)
