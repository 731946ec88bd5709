// The app in a real browser, against the stand-in server.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { MockServer } from '../mock-server.js';
import { Chromium, hasChromium } from './chromium.js';

const server = new MockServer();
let url = '';

/** The app opens a browser of its own per group: permissions and devices are set at its start. */
function browserFor(options) {
  const holder = { pages: [] };
  before(async () => {
    holder.browser = await Chromium.launch(options);
  });
  afterEach(async () => {
    for (const page of holder.pages.splice(0)) await page.close();
  });
  after(() => holder.browser?.close());
  holder.page = async (more) => {
    const page = await holder.browser.newPage({ own: true, ...more });
    holder.pages.push(page);
    return page;
  };
  return holder;
}

async function join(page, room, name) {
  await page.goto(`${url}/r/${room}`);
  await page.fill('#name', name);
  await page.until('!document.querySelector(".preview video").hidden');
  await page.click('.prejoin-form .big');
  await page.until('document.querySelector(".call") && window.turnoutRoom?.state === "connected"');
}

const videoAdvances = `(async () => {
  const video = document.querySelector('.tile:not(.self) video');
  if (!video?.videoWidth) return false;
  const before = video.getVideoPlaybackQuality().totalVideoFrames;
  await new Promise((resolve) => setTimeout(resolve, 400));
  return video.getVideoPlaybackQuality().totalVideoFrames > before;
})()`;

describe('the app', { skip: hasChromium ? false : 'no chromium', concurrency: false }, () => {
  before(async () => {
    url = await server.listen();
  });
  after(() => server.close());
  afterEach(() => {
    server.refuseJoins = '';
    server.development = true;
  });

  describe('with three cameras', () => {
    const chromium = browserFor({ cameras: 3 });

    it('remembers camera, microphone, speaker and name over a reload', async () => {
      const page = await chromium.page();
      await page.goto(`${url}/r/reload`);
      await page.until('document.querySelectorAll(".device-camera option").length === 3');
      await page.select('.device-camera select', 'fake_device_2');
      await page.select('.device-microphone select', 'Fake Audio Input 2');
      await page.select('.device-speaker select', 'Fake Audio Output 1');
      await page.fill('#name', 'Nadia');
      const inUse = `document.querySelector('.preview video').srcObject?.getVideoTracks()[0]?.label`;
      await page.until(`${inUse} === 'fake_device_2'`);
      await page.click('.prejoin-form .big');
      await page.until('document.querySelector(".call")');
      await page.reload();
      await page.until(`${inUse} === 'fake_device_2'`);
      const chosen = await page.evaluate('[...document.querySelectorAll(".device-select select")].map((each) => each.selectedOptions[0].label)');
      assert.deepEqual(chosen, ['fake_device_2', 'Fake Audio Input 2', 'Fake Audio Output 1']);
      assert.equal(await page.evaluate('document.querySelector("#name").value'), 'Nadia');
      assert.deepEqual(page.errors, []);
    });

    it('finds a remembered camera by its label when its id has changed', async () => {
      const page = await chromium.page();
      await page.goto(`${url}/r/label`);
      await page.evaluate(`localStorage.setItem('turnout.choices', JSON.stringify({
        videoDevice: { id: 'an id of last year', label: 'fake_device_1' } }))`);
      await page.reload();
      await page.until(`document.querySelector('.preview video').srcObject?.getVideoTracks()[0]?.label === 'fake_device_1'`);
    });

    it('keeps a camera that was switched off switched off after a reload', async () => {
      const page = await chromium.page();
      await page.goto(`${url}/r/off`);
      await page.until('!document.querySelector(".preview video").hidden');
      await page.click('[data-kind=camera]');
      await page.until('document.querySelector(".preview video").hidden');
      await page.reload();
      await page.until('document.querySelector(".preview-cover").innerText.includes("Your camera is off")');
      assert.equal(await page.evaluate('document.querySelector("[data-kind=camera]").ariaPressed'), 'false');
      assert.equal(await page.evaluate('document.querySelector("[data-kind=microphone]").ariaPressed'), 'true');
    });

    it('connects two people, changes the camera in the call, and mutes', async () => {
      const [a, b] = [await chromium.page(), await chromium.page()];
      await join(a, 'two', 'Ada');
      await join(b, 'two', 'Bo');
      await a.until(videoAdvances);
      await b.until(videoAdvances);
      const sdp = 'turnoutRoom.peerConnections.values().next().value.localDescription.sdp';
      const before = await a.evaluate(sdp);
      await a.click('.control-devices');
      await a.select('.device-panel .device-camera select', 'fake_device_2');
      await a.until(`document.querySelector('.tile.self video').srcObject.getVideoTracks()[0]?.label === 'fake_device_2'`);
      assert.equal(await a.evaluate(sdp), before, 'no negotiation for another camera');
      await b.until(videoAdvances);
      await a.press('Escape');
      await a.press('v');
      await b.until('!document.querySelector(".tile:not(.self)").classList.contains("has-picture")');
      await a.press('m');
      await b.until('document.querySelector(".tile:not(.self)").ariaLabel === "Ada, muted, camera off"');
      await a.press('v');
      await b.until(videoAdvances);
      assert.deepEqual([...a.errors, ...b.errors], []);
    });

    it('goes on after the server was away, and media never stops', async () => {
      const [a, b] = [await chromium.page(), await chromium.page()];
      await join(a, 'resume', 'Ada');
      await join(b, 'resume', 'Bo');
      await a.until(videoAdvances);
      const connection = 'turnoutRoom.peerConnections.values().next().value';
      await a.evaluate(`void (window.before = ${connection})`);
      server.cut();
      await a.until('turnoutRoom.state === "reconnecting" || document.querySelector(".banner")');
      await a.until('turnoutRoom.state === "connected"');
      await b.until('turnoutRoom.state === "connected"');
      assert.equal(await a.evaluate(`window.before === ${connection} && before.connectionState`), 'connected');
      await a.until(videoAdvances);
      await a.press('v');
      await b.until('!document.querySelector(".tile:not(.self)").classList.contains("has-picture")');
    });

    it('chats, counts what was not read, and follows links only as links', async () => {
      const [a, b] = [await chromium.page(), await chromium.page()];
      await join(a, 'chat', 'Ada');
      await join(b, 'chat', 'Bo');
      await a.press('c');
      await a.until('document.activeElement.matches(".chat-form textarea")');
      await a.fill('.chat-form textarea', '<img src=x onerror=alert(1)> see https://example.org/a?b=c.');
      await a.press('Enter');
      await b.until('document.querySelector(".badge").innerText === "1"');
      await b.press('c');
      assert.equal(await b.text('.message p'), '<img src=x onerror=alert(1)> see https://example.org/a?b=c.');
      assert.equal(await b.evaluate('document.querySelector(".message a").href'), 'https://example.org/a?b=c');
      assert.equal(await b.evaluate('document.querySelector(".badge").hidden'), true);
      await b.press('Escape');
      assert.equal(await b.evaluate('document.querySelector(".panel").hidden'), true);
    });

    it('fits a phone: every control within the screen, the panels over the tiles', async () => {
      const page = await chromium.page({ width: 360, height: 740, phone: true });
      await join(page, 'phone', 'Ada');
      const outside = `[...document.querySelectorAll('button, video, .tile, .panel, .chat-form textarea')].filter((each) => {
        const { left, right, top, bottom, width } = each.getBoundingClientRect();
        return each.checkVisibility() && (width === 0 || left < 0 || right > 360 || top < 0 || bottom > 740);
      }).map((each) => each.className)`;
      assert.deepEqual(await page.evaluate(outside), []);
      await page.click('.control-chat');
      await page.find('.chat-form textarea');
      assert.equal(await page.evaluate('document.querySelector(".panel").getBoundingClientRect().width > 320'), true);
      await page.until(`(${outside}).length === 0`);
      await page.click('.control-devices');
      await page.find('.device-panel select');
      assert.equal(await page.evaluate('document.documentElement.scrollHeight <= innerHeight'), true);
    });

    it('says so when somebody leaves, and shows the page after the call', async () => {
      const [a, b] = [await chromium.page(), await chromium.page()];
      await join(a, 'leave', 'Ada');
      await join(b, 'leave', 'Bo');
      await a.until('document.querySelectorAll(".tile").length === 2');
      await b.click('.control-leave');
      await b.until('document.querySelector("h1").innerText === "You left the room"');
      await a.until('document.querySelectorAll(".tile").length === 1');
      await a.until('document.querySelector(".toasts").innerText.includes("Bo left")');
      assert.match(await a.text('.alone'), /Nobody else is here yet/);
    });

    it('offers to play the sound that autoplay held back', async () => {
      const [a, b] = [await chromium.page(), await chromium.page()];
      await a.beforeLoad(`
        const play = HTMLAudioElement.prototype.play;
        HTMLMediaElement.prototype.play = function () {
          if (this instanceof HTMLVideoElement || window.clicked) return play.call(this);
          return Promise.reject(new DOMException('play() needs a gesture', 'NotAllowedError'));
        };`);
      await join(a, 'autoplay', 'Ada');
      await join(b, 'autoplay', 'Bo');
      await a.until('document.querySelector(".banner")?.innerText.includes("Tap to hear")');
      await a.evaluate('void (window.clicked = true)');
      await a.click('.banner button');
      await a.until('!document.querySelector(".banner")');
      assert.equal(await a.evaluate('turnoutRoom.audioBlocked'), false);
    });

    it('falls back to another camera when the one in use is pulled out, and says so', async () => {
      const page = await chromium.page();
      await page.beforeLoad(`
        const real = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
        navigator.mediaDevices.enumerateDevices = async () => (await real()).filter((each) => each.label !== window.unplugged);`);
      await page.goto(`${url}/r/unplug`);
      await page.select('.device-camera select', 'fake_device_2');
      const track = `document.querySelector('.preview video').srcObject?.getVideoTracks()[0]`;
      await page.until(`${track}?.label === 'fake_device_2'`);
      await page.evaluate(`(() => {
        window.unplugged = 'fake_device_2';
        const lost = ${track};
        lost.stop();
        lost.dispatchEvent(new Event('ended'));
      })()`);
      await page.until(`${track}?.label === 'fake_device_0'`);
      assert.match(await page.text('.toasts'), /fake_device_2 is gone. You are using fake_device_0 now./);
      assert.equal(await page.evaluate('JSON.parse(localStorage["turnout.choices"]).videoDevice.label'), 'fake_device_2');
      await page.evaluate(`(() => { window.unplugged = ''; navigator.mediaDevices.dispatchEvent(new Event('devicechange')); })()`);
      await page.until(`${track}?.label === 'fake_device_2'`);
      await page.until('document.querySelector(".toasts").innerText.includes("fake_device_2 is back and in use.")');
    });

    for (const [code, title] of [
      ['room-full', null],
      ['forbidden', 'This room is not open to you'],
      ['unauthorized', 'This invitation does not work'],
    ]) {
      it(`explains a join refused with ${code}`, async () => {
        server.refuseJoins = code;
        const page = await chromium.page();
        await page.goto(`${url}/r/refused`);
        await page.fill('#name', 'Ada');
        await page.click('.prejoin-form .big');
        if (title) await page.until(`document.querySelector('h1').innerText === ${JSON.stringify(title)}`);
        else await page.until('document.querySelector(".form-problem").innerText === "The room is full."');
      });
    }

    it('needs a token where the server is not for development, and hides the one it was given', async () => {
      server.development = false;
      const page = await chromium.page();
      await page.goto(`${url}/r/closed`);
      await page.until('document.querySelector("h1").innerText === "This room needs an invitation"');
      const token = encodeURIComponent(JSON.stringify({ room: 'closed', identity: 'ada', name: 'Ada' }));
      await page.goto(`${url}/r/closed?x=1#token=${token}`);
      await page.until('document.querySelector(".prejoin")');
      assert.equal(await page.evaluate('location.href'), `${url}/r/closed?x=1`);
      await page.reload();
      await page.fill('#name', 'Ada');
      await page.click('.prejoin-form .big');
      await page.until('window.turnoutRoom?.localParticipant.identity === "ada"');
    });

    it('starts a room from the front page', async () => {
      const page = await chromium.page();
      await page.goto(`${url}/`);
      await page.fill('#room', 'Équipe du Nord!');
      assert.match(await page.text('.home-hint'), /equipe-du-nord/);
      await page.press('Enter');
      await page.until('location.pathname === "/r/equipe-du-nord" && document.querySelector(".prejoin")');
      assert.deepEqual(page.errors, []);
    });
  });

  describe('before a permission is given', () => {
    const chromium = browserFor({ cameras: 1, allow: false });

    it('explains before the browser asks, and can be left out', async () => {
      const page = await chromium.page();
      await page.permit('prompt');
      await page.goto(`${url}/r/ask`);
      await page.until('document.querySelector(".cover-panel h2")?.innerText === "Let the others see and hear you"');
      await page.click('.cover-panel .text-button');
      await page.until('document.querySelector(".cover-panel").innerText.includes("without camera and microphone")');
      await page.fill('#name', 'Ada');
      await page.click('.prejoin-form .big');
      await page.until('window.turnoutRoom?.state === "connected"');
      assert.equal(await page.evaluate('turnoutRoom.localParticipant.tracks.size'), 0);
    });

    it('opens the devices after the question was answered with yes', async () => {
      const page = await chromium.page();
      await page.permit('prompt');
      await page.goto(`${url}/r/yes`);
      await page.find('.cover-panel .button');
      await page.permit('granted');
      await page.until('!document.querySelector(".preview video").hidden || document.querySelector(".cover-panel .button")');
      if (await page.evaluate('document.querySelector(".preview video").hidden')) await page.click('.cover-panel .button');
      await page.until('document.querySelector(".preview video").videoWidth > 0');
      assert.match(await page.text('.device-camera'), /fake_device_0/);
    });

    it('says how to mend a refusal, and goes on by itself once it is mended', async () => {
      const page = await chromium.page();
      await page.permit('denied');
      await page.goto(`${url}/r/no`);
      await page.until('document.querySelector(".cover-panel")');
      await page.click('.cover-panel .button');
      await page.until('document.querySelector(".cover-panel h2").innerText === "Camera and microphone are blocked"');
      assert.equal(await page.evaluate('document.querySelectorAll(".steps li").length'), 3);
      await page.permit('granted');
      await page.until('document.querySelector(".preview video").videoWidth > 0');
    });

    it('goes on with the camera when only the microphone is refused', async () => {
      const page = await chromium.page();
      await page.permit('granted', ['camera']);
      await page.permit('denied', ['microphone']);
      await page.goto(`${url}/r/half`);
      await page.until('document.querySelector(".preview video").videoWidth > 0');
      await page.until('document.querySelector(".inline-notice b")?.innerText === "Microphone not allowed"');
    });
  });

  describe('on a machine without devices', () => {
    const chromium = browserFor({ cameras: 0, allow: true });

    it('says that there is no camera and no microphone, and still joins', async () => {
      const page = await chromium.page();
      await page.goto(`${url}/r/none`);
      await page.until('document.querySelector(".cover-panel h2")?.innerText === "No camera found"');
      assert.match(await page.text('.inline-notice'), /No microphone found/);
      await page.fill('#name', 'Ada');
      await page.click('.prejoin-form .big');
      await page.until('window.turnoutRoom?.state === "connected"');
      await page.press('m');
      await page.until('document.querySelector(".toasts").innerText.includes("No microphone was found.")');
    });

    it('tells a busy camera and an insecure page apart', async () => {
      const page = await chromium.page();
      await page.beforeLoad(`navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('busy', 'NotReadableError'); };`);
      await page.goto(`${url}/r/busy`);
      await page.until('document.querySelector(".cover-panel h2")?.innerText === "Camera is busy"');
      const other = await chromium.page();
      await other.beforeLoad('Object.defineProperty(window, "isSecureContext", { value: false });');
      await other.goto(`${url}/r/insecure`);
      await other.until('document.querySelector(".cover-panel h2")?.innerText === "This page is not secure"');
    });
  });
});
