'use strict';
// The page of the MJPEG face: sends requests over one WebSocket, and shows the states that come back.
const $ = (id) => document.getElementById(id);
const range = (id) => Number($(id).value);
let socket, state = {}, touched = 0;

function send(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function connect() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  socket = new WebSocket(`${scheme}://${location.host}/live`);
  socket.onmessage = (event) => { state = JSON.parse(event.data); show(); };
  socket.onclose = () => {
    $('notice').textContent = 'the connection is lost; trying again ...';
    setTimeout(connect, 1000);
  };
  socket.onopen = () => { $('picture').src = `/stream.mjpg?${Date.now()}`; };
}

function options(id, names, chosen) {
  const select = $(id);
  if (select.dataset.names !== JSON.stringify(names)) {
    select.replaceChildren(...names.map((name) => new Option(name, name)));
    select.dataset.names = JSON.stringify(names);
  }
  if (document.activeElement !== select) select.value = chosen;
}

function rows(id, entries) {
  const table = $(id);
  table.replaceChildren(...entries.map(([name, value]) => {
    const row = document.createElement('tr');
    for (const text of [name, value]) row.appendChild(document.createElement('td')).textContent = text;
    return row;
  }));
}

function curve(name, [steps, values]) {
  const canvas = document.createElement('canvas');
  canvas.width = 320; canvas.height = 60;
  const pen = canvas.getContext('2d');
  const low = Math.min(...values), high = Math.max(...values), last = steps[steps.length - 1] || 1;
  pen.strokeStyle = '#2457c5';
  values.forEach((y, i) => {
    const at = [4 + 312 * steps[i] / last, 52 - 44 * (y - low) / (high - low || 1)];
    if (i) pen.lineTo(...at); else pen.moveTo(...at);
  });
  pen.stroke();
  const title = document.createElement('div');
  title.textContent = `${name.replaceAll('_', ' ')}: ${values[values.length - 1].toFixed(2)}`;
  return [title, canvas];
}

function show() {
  const q = state.quantities, s = state.statistics, number = (x, d) => (x === undefined || x === null ? '' : x.toFixed(d));
  options('policy', state.policies, state.policies.includes(state.policy) ? state.policy : state.policies[0]);
  options('start', state.starts, state.start);
  options('env', [...Array(state.envs).keys()].map(String), String(state.env));
  $('env_label').hidden = state.envs < 2;
  $('pause').textContent = state.paused ? 'Continue' : 'Pause';
  $('speed_out').textContent = `${state.speed.toFixed(2)} x`;
  $('auto_reset').checked = state.auto_reset;
  for (const name of ['command', 'contacts', 'com']) $(`show_${name}`).checked = state.shown[name];
  const words = state.command.map((x) => x.toFixed(2)).join(', ');
  rows('numbers', [
    ['time', `${state.time.toFixed(2)} s`], ['real time', `${state.real_time.toFixed(2)} x`],
    ['height', `${number(q.height, 3)} m`], ['speed', `${number(q.speed, 2)} m/s`],
    ['command', state.steered ? words : `${words} (task)`], ['power', `${number(q.power, 0)} W`],
    ['episodes', s.episodes], ['mean length', `${number(s.mean, 1)} s`], ['mean return', number(s.mean_return, 1)],
  ]);
  rows('reward', [['return so far', number(state.return, 1)],
    ...Object.entries(state.reward).map(([name, value]) => [name.replaceAll('_', ' '), value.toFixed(3)])]);
  $('notice').textContent = state.failure || state.notice;
  const link = $('videos');
  if (link.childElementCount !== state.videos) {
    link.replaceChildren(...[...Array(state.videos).keys()].map((i) => {
      const a = document.createElement('a');
      a.href = `/videos/${i + 1}`; a.textContent = ` ${i + 1}`;
      return a;
    }));
  }
  const curves = Object.entries(state.curves);
  $('curves_title').hidden = !curves.length;
  if (Date.now() - touched > 1000) {
    touched = Date.now();
    $('curves').replaceChildren(...curves.flatMap(([name, points]) => curve(name, points)));
  }
}

const sliders = { forward: 'm/s', left: 'm/s', turn: 'rad/s', force: 'N', degrees: '°' };
for (const [id, unit] of Object.entries(sliders)) {
  const write = () => { $(id).nextElementSibling.textContent = `${range(id)} ${unit}`; };
  $(id).addEventListener('input', write);
  write();
}
const steer = () => send({ kind: 'steer', command: [range('forward'), range('left'), range('turn')] });
for (const id of ['forward', 'left', 'turn']) $(id).addEventListener('input', steer);
function set(id, value) { $(id).value = value; $(id).dispatchEvent(new Event('input')); }
const stop = () => ['forward', 'left', 'turn'].forEach((id) => set(id, 0));
const push = () => send({ kind: 'push', force: range('force'), degrees: range('degrees') });
const clicks = {
  pause: () => send({ kind: 'pause', on: !state.paused }), step: () => send({ kind: 'step' }),
  reset: () => send({ kind: 'reset' }), save: () => send({ kind: 'save' }), stop, push,
  release: () => send({ kind: 'steer', command: null }),
  follow: () => send({ kind: 'camera', follow: true }), stay: () => send({ kind: 'camera', follow: false }),
};
for (const [id, action] of Object.entries(clicks)) $(id).addEventListener('click', action);
$('speed').addEventListener('input', () => send({ kind: 'speed', value: Math.min(4, Math.max(0.1, 10 ** range('speed'))) }));
$('policy').addEventListener('change', () => send({ kind: 'policy', name: $('policy').value }));
$('start').addEventListener('change', () => send({ kind: 'start', name: $('start').value }));
$('env').addEventListener('change', () => send({ kind: 'env', index: Number($('env').value) }));
$('auto_reset').addEventListener('change', () => send({ kind: 'auto_reset', on: $('auto_reset').checked }));
for (const what of ['command', 'contacts', 'com']) {
  $(`show_${what}`).addEventListener('change', (event) => send({ kind: 'show', what, on: event.target.checked }));
}

const keys = {
  w: ['forward', 0.1], s: ['forward', -0.1], a: ['left', 0.05], d: ['left', -0.05], q: ['turn', 0.1], e: ['turn', -0.1],
};
const others = { ' ': clicks.pause, n: clicks.step, r: clicks.reset, p: push, x: stop };
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === 'SELECT') return;
  const key = event.key.toLowerCase();
  if (keys[key]) set(keys[key][0], (range(keys[key][0]) + keys[key][1]).toFixed(2));
  else if (others[key]) others[key]();
  else return;
  event.preventDefault();
});

const picture = $('picture');
let last = null, moved = [0, 0];
const place = (event) => {
  const box = picture.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};
picture.addEventListener('pointerdown', (event) => {
  const [x, y] = place(event);
  if (event.ctrlKey) { send({ kind: 'click', x, y, force: range('force'), degrees: range('degrees') }); return; }
  last = [event.clientX, event.clientY];
  picture.setPointerCapture(event.pointerId);
});
picture.addEventListener('pointermove', (event) => {
  if (!last) return;
  moved = [moved[0] + event.clientX - last[0], moved[1] + event.clientY - last[1]];
  last = [event.clientX, event.clientY];
  picture.dataset.how = event.buttons & 2 || event.shiftKey ? 'pan' : 'rotate';
});
picture.addEventListener('pointerup', () => { last = null; });
picture.addEventListener('contextmenu', (event) => event.preventDefault());
picture.addEventListener('wheel', (event) => {
  send({ kind: 'move', how: 'zoom', x: 0, y: Math.sign(event.deltaY) * -0.05 });
  event.preventDefault();
}, { passive: false });
setInterval(() => {  // one message for all movements of a thirtieth of a second
  if (!moved[0] && !moved[1]) return;
  const how = picture.dataset.how, height = picture.clientHeight;
  if (how === 'rotate') {
    if (moved[0]) send({ kind: 'move', how: 'turn', x: moved[0] / height, y: 0 });
    if (moved[1]) send({ kind: 'move', how: 'rotate', x: 0, y: moved[1] / height });
  } else {
    send({ kind: 'move', how, x: moved[0] / height, y: moved[1] / height });
  }
  moved = [0, 0];
}, 33);
connect();
