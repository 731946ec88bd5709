import { h, icon } from './dom.js';

/** @import { ChatMessage } from '../sdk/wire.js' */
/** @import { Participant, Room } from '../sdk/index.js' */

const LINK = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;
const MOST = 500;
const SAME_AUTHOR = 120_000;

/** @param {string} text @returns {(string|Node)[]} with links that can be followed */
function withLinks(text) {
  /** @type {(string|Node)[]} */
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    parts.push(text.slice(at, match.index), h('a', { href: match[0], target: '_blank', rel: 'noopener noreferrer' }, match[0]));
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return parts;
}

/** The messages of a call, and the box to write one. */
export class Chat {
  #room;
  #list = h('ol', { class: 'messages', role: 'log', 'aria-label': 'Messages' });
  #input = h('textarea', { rows: 1, maxLength: 4000, placeholder: 'Write to everybody', 'aria-label': 'Message' });
  #problem = h('p', { class: 'form-problem', role: 'alert' });
  #empty = h('p', { class: 'chat-empty' }, 'Messages are seen by everybody in the room and are gone with it.');
  #last = { author: '', time: 0 };

  /** @param {Room} room @param {(message: ChatMessage, participant: Participant|null) => void} came */
  constructor(room, came) {
    this.#room = room;
    const form = h(
      'form',
      { class: 'chat-form', onsubmit: (/** @type {Event} */ event) => this.#send(event) },
      this.#input,
      h('button', { class: 'icon-button accent', type: 'submit', 'aria-label': 'Send' }, icon('send')),
    );
    this.#input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) form.requestSubmit(), event.preventDefault();
    });
    this.element = h('div', { class: 'chat' }, this.#empty, this.#list, this.#problem, form);
    room.on('chat', ({ message, participant }) => {
      this.#add(message, participant?.displayName ?? 'Somebody', false);
      came(message, participant);
    });
  }

  focus() {
    this.#input.focus();
  }

  /** @param {Event} event */
  async #send(event) {
    event.preventDefault();
    const text = this.#input.value.trim();
    if (!text) return;
    this.#input.value = '';
    try {
      this.#add(await this.#room.sendChat(text), 'You', true);
      this.#problem.textContent = '';
    } catch (error) {
      this.#input.value ||= text;
      this.#problem.textContent = `Not sent: ${error instanceof Error ? error.message : 'the server refused it.'}`;
    }
  }

  /** @param {ChatMessage} message @param {string} author @param {boolean} own */
  #add({ text, time, from }, author, own) {
    this.#empty.hidden = true;
    const follows = this.#last.author === from && time - this.#last.time < SAME_AUTHOR;
    this.#last = { author: from, time };
    const clock = new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    const head = h('div', { class: 'message-head' }, h('b', {}, author), h('time', { dateTime: new Date(time).toISOString() }, clock));
    const item = h('li', { class: `message${own ? ' own' : ''}${follows ? ' follows' : ''}` }, !follows && head, h('p', {}, withLinks(text)));
    const atEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 60;
    this.#list.append(item);
    while (this.#list.childElementCount > MOST) this.#list.firstElementChild?.remove();
    if (atEnd || own) this.#list.scrollTop = this.#list.scrollHeight;
  }
}
