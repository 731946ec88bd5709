/** @import { TurnoutError } from '../sdk/errors.js' */

/** @returns {'firefox'|'safari'|'ios'|'android'|'chromium'} */
export function browserFamily() {
  const agent = navigator.userAgent;
  if (/iPhone|iPad/.test(agent) || (/Mac/.test(agent) && navigator.maxTouchPoints > 1)) return 'ios';
  if (/Android/.test(agent) && !/Firefox/.test(agent)) return 'android';
  if (/Firefox/.test(agent)) return 'firefox';
  if (/Safari/.test(agent) && !/Chrom/.test(agent)) return 'safari';
  return 'chromium';
}

/** How a refused permission is given after all, step by step. */
const MEND = {
  chromium: ['Click the icon at the left end of the address bar.', 'Switch “Camera” and “Microphone” on.', 'This page notices by itself.'],
  firefox: [
    'Click the crossed-out camera or microphone in the address bar.',
    'Remove “Blocked” beside camera and microphone.',
    'Then press “Try again” below.',
  ],
  safari: ['Open the menu Safari › Settings for this website.', 'Set camera and microphone to “Allow”.', 'Then press “Try again” below.'],
  ios: ['Tap “aA” (or the page icon) in the address bar, then Website Settings.', 'Set camera and microphone to “Allow”.', 'Then press “Try again” below.'],
  android: ['Tap the icon at the left end of the address bar, then Permissions.', 'Allow camera and microphone.', 'Then press “Try again” below.'],
};

/** @returns {string[]} */
export function permissionSteps() {
  return MEND[browserFamily()];
}

/**
 * What to say when a device cannot be had.
 *
 * @param {'camera'|'microphone'} kind
 * @param {TurnoutError} error
 * @returns {{title: string, text: string}}
 */
export function explainProblem(kind, error) {
  const Kind = kind === 'camera' ? 'Camera' : 'Microphone';
  switch (error.code) {
    case 'permission-denied':
      return { title: `${Kind} not allowed`, text: `The browser keeps the ${kind} from this page.` };
    case 'permission-dismissed':
      return { title: `${Kind} not allowed yet`, text: 'The question was closed without an answer. Try again and choose “Allow”.' };
    case 'no-device':
      return {
        title: kind === 'camera' ? 'No camera found' : 'No microphone found',
        text: kind === 'camera' ? 'You can join without one and still see everybody.' : 'You can join and listen. Plug one in and it appears here.',
      };
    case 'device-busy':
      return { title: `${Kind} is busy`, text: `Another program may be using it. Close that program, then try again, or choose another ${kind}.` };
    case 'insecure-context':
      return { title: 'This page is not secure', text: 'Browsers give cameras and microphones only to pages loaded over https. You can still watch and listen.' };
    default:
      return { title: `${Kind} failed`, text: error.message };
  }
}
