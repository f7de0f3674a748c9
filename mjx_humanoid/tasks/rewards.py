"""Reward terms of all skills, by name. JAX functions of one environment.

To add one, write a function here under `@TERMS.register()`; tasks/skills.py puts weights on them. Lengths are shares of
standing height; the metres in the descriptions are those of a humanoid of 1.282 m.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp

from mjx_humanoid.core.registry import Registry, first_line
from mjx_humanoid.core.types import Array, View
from mjx_humanoid.physics.body import Body
from mjx_humanoid.physics.rotations import along
from mjx_humanoid.physics.symmetry import joint_map
from mjx_humanoid.tasks.context.context import Context, moving, swing
from mjx_humanoid.tasks.measures import NEAR, heading_velocity, lead_over_feet, nearness, rms, touching
from mjx_humanoid.tasks.shaping import gaussian

TermFn: TypeAlias = Callable[[View, Body, Context], Array]
TERMS: Registry[TermFn] = Registry('reward term')

POWER_SCALE = 1000.0  # W
HEIGHT = 0.15 / 1.282  # scale of errors in the height of the root
KNEELING = 0.1 / 1.282  # the same while kneeling
PLACE = 0.3 / 1.282  # scale of distances from the target position
FOOT_LIFT = 0.1 / 1.282  # target height of a foot in the middle of its swing
LIFT_ERROR = 0.05 / 1.282  # scale of errors in that height


@TERMS.register()
def alive(view: View, body: Body, context: Context) -> Array:
  """1 for every step."""
  return jnp.ones(())


@TERMS.register()
def height(view: View, body: Body, context: Context) -> Array:
  """Root at standing height, within about 0.15 m."""
  size = body.robot.standing_height
  return gaussian(body.root_sensor(view, 'pos')[2] - size, HEIGHT * size)


@TERMS.register()
def rise(view: View, body: Body, context: Context) -> Array:
  """Height of the root as a share of standing height, up to 1."""
  return jnp.clip(body.root_sensor(view, 'pos')[2] / body.robot.standing_height, 0.0, 1.0)


@TERMS.register()
def poise(view: View, body: Body, context: Context) -> Array:
  """Standing at full height, still, and in the standing pose: the product of these three."""
  return height(view, body, context) * posture(view, body, context) * velocity(view, body, context)


@TERMS.register()
def kneeling_height(view: View, body: Body, context: Context) -> Array:
  """Root at kneeling height: half within about 0.1 m, half linear from standing height."""
  size, kneeling = body.robot.standing_height, body.robot.body_parts('kneeling_height').kneeling_height
  error = jnp.abs(body.root_sensor(view, 'pos')[2] - kneeling)
  return 0.5 * gaussian(error, KNEELING * size) + 0.5 * jnp.maximum(1.0 - error / (size - kneeling), 0.0)


@TERMS.register()
def shins_down(view: View, body: Body, context: Context) -> Array:
  """Share of the shins that touch the floor."""
  return jnp.stack([touching(view, body, shin) > 0 for shin in body.robot.body_parts('shins_down').shins]).mean()


@TERMS.register()
def lower_legs_down(view: View, body: Body, context: Context) -> Array:
  """Share of the legs whose shin and foot both touch the floor."""
  pairs = zip(body.robot.body_parts('lower_legs_down').shins, body.robot.feet, strict=True)
  return jnp.stack([jnp.minimum(touching(view, body, s), touching(view, body, f)) > 0 for s, f in pairs]).mean()


@TERMS.register()
def sinking(view: View, body: Body, context: Context) -> Array:
  """Square of the root's downward speed in excess of 0.5 m/s, in m^2/s^2; a cost."""
  return jnp.square(jnp.clip(-body.root_sensor(view, 'linvel')[2] - 0.5, 0.0, 3.0))


@TERMS.register()
def stray_contacts(view: View, body: Body, context: Context) -> Array:
  """Number of bodies on the floor that are neither feet nor shins; a cost."""
  carrying = {*body.robot.feet, *body.robot.body_parts('stray_contacts').shins}
  others = [name for name in body.touch_names if name not in carrying]
  return jnp.stack([touching(view, body, name) > 0 for name in others]).sum().astype(jnp.float32)


@TERMS.register()
def upright(view: View, body: Body, context: Context) -> Array:
  """Axis of the root vertical, within about 25 degrees."""
  return gaussian(body.root_sensor(view, 'up')[:2], 0.42)


@TERMS.register()
def righted(view: View, body: Body, context: Context) -> Array:
  """1 for an upright root, 1/2 on its side, 0 upside down: for robots whose trunk is level while they stand."""
  return (1.0 + body.up(view)[2]) / 2.0


@TERMS.register()
def rise_on_feet(view: View, body: Body, context: Context) -> Array:
  """on_feet times nearness, so that sitting on the heels is not rewarded."""
  return on_feet(view, body, context) * nearness(view, body)


@TERMS.register()
def turning_over(view: View, body: Body, context: Context) -> Array:
  """Rate, in 1/s, of turning over or rising: of a potential of 0 supine, 1/4 on a side, 1 prone or at half height.

  The rate of a potential rewards motion and not lying in any pose. It is not scaled by the discount factor, so it is
  not the potential-based shaping of Ng et al. (1999), and may change the optimal policy.
  """
  up, rate, size = body.up(view), body.angular_velocity(view), body.robot.standing_height
  turned, turn = (1.0 - up[0]) / 2.0, (rate[1] * up[2] - rate[2] * up[1]) / 2.0
  share = 2.0 * body.height(view) / size
  risen, climb = jnp.clip(share, 0.0, 1.0), 2.0 * body.linear_velocity(view)[2] / size * (share < 1.0)
  return 2.0 * (risen * climb * (1.0 - jnp.square(turned)) + turned * turn * (1.0 - jnp.square(risen)))


@TERMS.register()
def balance(view: View, body: Body, context: Context) -> Array:
  """Extrapolated centre of mass above the middle of the feet, within about 0.25 m."""
  return gaussian(lead_over_feet(view, body), NEAR * body.robot.standing_height)


@TERMS.register()
def balanced_rise(view: View, body: Body, context: Context) -> Array:
  """rise times nearness, so that neither leaping up while leaning over nor lying folded is rewarded."""
  return rise(view, body, context) * nearness(view, body)


@TERMS.register()
def leaping(view: View, body: Body, context: Context) -> Array:
  """Square of the root's upward speed in excess of 1 m/s, in m^2/s^2; a cost."""
  return jnp.square(jnp.clip(body.root_sensor(view, 'linvel')[2] - 1.0, 0.0, 3.0))


@TERMS.register()
def on_feet(view: View, body: Body, context: Context) -> Array:
  """Share of the contact forces that the feet carry, times the share of standing height; 0 in the air."""
  feet = sum(touching(view, body, foot) for foot in body.robot.with_feet('on_feet'))
  everything = sum(touching(view, body, name) for name in body.touch_names)
  return feet / jnp.maximum(everything, 0.05) * rise(view, body, context)


@TERMS.register()
def velocity(view: View, body: Body, context: Context) -> Array:
  """Centre of mass moving as commanded, forward and sideways: half within about 0.2 m/s, half linear from standing."""
  error = heading_velocity(view, body, context) - context.command[:2]
  # The linear half spans from zero velocity to the command, so that the first slow steps are already rewarded.
  distance = jnp.linalg.norm(error) / (0.3 + jnp.linalg.norm(context.command[:2]))
  return 0.5 * gaussian(error, 0.2) + 0.5 * jnp.maximum(1.0 - distance, 0.0)


@TERMS.register()
def turning(view: View, body: Body, context: Context) -> Array:
  """Root turning about the vertical as commanded, within about 0.5 rad/s."""
  return gaussian(body.root_sensor(view, 'angvel')[2] - context.command[2], 0.5)


@TERMS.register()
def heading(view: View, body: Body, context: Context) -> Array:
  """Root facing the target heading, within about 0.3 rad."""
  return gaussian(body.heading(view) - context.heading, 0.3)


@TERMS.register()
def position(view: View, body: Body, context: Context) -> Array:
  """Root within about 0.3 m of the target position; 1 while a velocity is commanded."""
  offset = body.position(view)[:2] - context.target_position
  return jnp.where(moving(context.requested), 1.0, gaussian(offset, PLACE * body.robot.standing_height))


@TERMS.register()
def cross_track(view: View, body: Body, context: Context) -> Array:
  """Root within about 0.3 m, to either side, of the commanded line."""
  offset = along(context.target_position - body.position(view)[:2], context.heading)[1]
  return gaussian(offset, PLACE * body.robot.standing_height)


@TERMS.register()
def gait(view: View, body: Body, context: Context) -> Array:
  """Share of the feet that are in stance or in swing as the gait clock commands."""
  feet = zip(body.robot.with_feet('gait'), body.robot.offsets, strict=True)
  right = [(touching(view, body, foot) > 0) != (swing(context, offset) >= 0) for foot, offset in feet]
  return jnp.stack(right).mean()


@TERMS.register()
def air_time(view: View, body: Body, context: Context) -> Array:
  """Share of the feet that are off the floor; 0 while standing is commanded. Its sum over steps is air time."""
  lifted = jnp.stack([touching(view, body, foot) == 0 for foot in body.robot.with_feet('air_time')]).mean()
  return jnp.where(moving(context.requested), lifted, 0.0)


@TERMS.register()
def clearance(view: View, body: Body, context: Context) -> Array:
  """Height of feet in swing as targeted, 0.1 m in the middle of the swing, within about 0.05 m."""
  size, values, feet = body.robot.standing_height, [], body.robot.with_feet('clearance')
  for foot, offset, ground in zip(feet, body.robot.offsets, body.foot_heights, strict=True):
    through = swing(context, offset)
    wanted = FOOT_LIFT * size * jnp.sin(jnp.pi * through) ** 2
    lift = body.sensor(view, f'{foot}_pos')[2] - ground
    values.append(jnp.where(through >= 0, gaussian(jnp.minimum(lift - wanted, 0.0), LIFT_ERROR * size), 1.0))
  return jnp.stack(values).mean()


@TERMS.register()
def slip(view: View, body: Body, context: Context) -> Array:
  """Squared speed of feet that touch the floor, in m^2/s^2; a cost."""
  feet = body.robot.with_feet('slip')
  speeds = [jnp.sum(jnp.square(body.sensor(view, f'{foot}_linvel')[:2])) for foot in feet]
  return sum(jnp.minimum(v, 4.0) * (touching(view, body, f) > 0) for f, v in zip(feet, speeds, strict=True))


@TERMS.register()
def level_feet(view: View, body: Body, context: Context) -> Array:
  """Soles parallel to the floor, within about 25 degrees."""
  tilts = [body.sensor(view, f'{foot}_up')[:2] for foot in body.robot.with_feet('level_feet')]
  return jnp.stack([gaussian(tilt, 0.42) for tilt in tilts]).mean()


@TERMS.register()
def arms(view: View, body: Body, context: Context) -> Array:
  """Arms and trunk relaxed: 0.37 at a root mean square of 0.5 rad."""
  return gaussian(rms((body.joint_angles(view) - body.relaxed_angles)[body.upper_joints]), 0.5)


@TERMS.register()
def calm_arms(view: View, body: Body, context: Context) -> Array:
  """Arms and trunk moving little: 0.37 at a root mean square of 2 rad/s."""
  return gaussian(rms(body.joint_velocities(view)[body.upper_joints]), 2.0)


@TERMS.register()
def posture(view: View, body: Body, context: Context) -> Array:
  """Joints near the standing pose: 0.37 at a root mean square of 0.5 rad."""
  return gaussian(rms(body.joint_angles(view) - body.default_angles), 0.5)


@TERMS.register()
def symmetry(view: View, body: Body, context: Context) -> Array:
  """Left joints at the angles of right ones, spine not bent sideways: 0.37 at an RMS difference of 0.5 rad."""
  joints, image = body.joint_angles(view), joint_map(body)
  return gaussian(rms(joints - joints[image.sources] * image.signs), 0.5)


@TERMS.register()
def quiet(view: View, body: Body, context: Context) -> Array:
  """Joints at rest: 0.37 at a root mean square of 2 rad/s."""
  return gaussian(rms(body.joint_velocities(view)), 2.0)


@TERMS.register()
def energy(view: View, body: Body, context: Context) -> Array:
  """Mechanical power of all motors, in kW; a cost."""
  return jnp.sum(jnp.abs(body.torque(view) * view.qvel[body.actuator_dofs])) / POWER_SCALE


@TERMS.register()
def effort(view: View, body: Body, context: Context) -> Array:
  """Mean square of the controls; a cost."""
  return jnp.mean(jnp.square(view.ctrl))


@TERMS.register()
def action_rate(view: View, body: Body, context: Context) -> Array:
  """Mean square change of the controls since the last step; a cost."""
  return jnp.mean(jnp.square(view.ctrl - context.last_action))


def describe_terms() -> dict[str, str]:
  """One line for each term."""
  return {name: first_line(TERMS[name]) for name in TERMS}
