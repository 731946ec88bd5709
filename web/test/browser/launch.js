// Chromium with fake devices, as the browser tests want it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/**
 * @param {{cameras?: number, fakeUi?: boolean, devices?: boolean, args?: string[], viewport?: {width: number, height: number} | null,
 *   colorScheme?: 'light'|'dark', touch?: boolean, scale?: number}} [options]
 */
export async function launch({ cameras = 1, fakeUi = true, devices = true, args = [], viewport, colorScheme, touch, scale } = {}) {
  const profile = await mkdtemp(join(tmpdir(), 'turnout-web-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    viewport: viewport ?? { width: 1280, height: 800 },
    colorScheme,
    hasTouch: touch ?? false,
    isMobile: touch ?? false,
    deviceScaleFactor: scale ?? 1,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...(fakeUi ? ['--use-fake-ui-for-media-stream'] : []),
      ...(devices ? [`--use-fake-device-for-media-stream=device-count=${cameras}`] : []),
      '--allow-loopback-in-peer-connection',
      ...args,
    ],
  });
  const close = context.close.bind(context);
  return {
    context,
    async close() {
      await close();
      await rm(profile, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
