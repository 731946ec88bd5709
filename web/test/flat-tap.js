// A reporter for node --test: TAP with one line per case and none for the suites around them, so that whoever counts
// lines counts cases.
import { relative } from 'node:path';

export default async function* flatTap(source) {
  yield 'TAP version 13\n';
  let count = 0;
  const path = [];
  for await (const { type, data } of source) {
    if (type === 'test:start') {
      path.length = data.nesting;
      path[data.nesting] = data.name;
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite' || isFile(data.name)) continue;
    const name = [...path.slice(0, data.nesting), data.name].join(', ').replaceAll('#', '');
    const skip = data.skip === undefined ? '' : ` # SKIP ${data.skip === true ? '' : data.skip}`;
    yield `${type === 'test:pass' ? 'ok' : 'not ok'} ${++count} - ${name}${skip}\n`;
    if (type === 'test:fail') yield explain(data.details?.error);
  }
  yield `1..${count}\n`;
}

/** Older versions of node report each file as a test. */
function isFile(name) {
  return /\.test\.js$/.test(name);
}

function explain(error) {
  const text = String(error?.cause?.stack ?? error?.stack ?? error ?? '');
  return text.split('\n').slice(0, 30).map((line) => `  # ${line.replaceAll(process.cwd(), relative(process.cwd(), '.') || '.')}\n`).join('');
}
