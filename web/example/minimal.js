import { connect, createLocalTracks } from '../sdk/index.js';

const videos = /** @type {HTMLElement} */ (document.querySelector('#videos'));
const button = /** @type {HTMLButtonElement} */ (document.querySelector('#join'));

/** In development the server hands out tokens; a real site asks its own backend. */
async function getToken() {
  const reply = await fetch('../v1/dev/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ room: 'minimal' }),
  });
  return (await reply.json()).token;
}

button.onclick = async () => {
  button.disabled = true;
  const tracks = await createLocalTracks({ audio: true, video: true });
  const room = await connect('', getToken, { tracks });
  for (const track of tracks) if (track.kind === 'video') videos.append(track.attach());
  room.on('trackSubscribed', ({ track }) => videos.append(track.attach()));
  room.on('trackUnsubscribed', ({ track }) => track.detach().forEach((element) => element.remove()));
  Object.assign(window, { turnoutRoom: room });
};
