import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WEB = fileURLToPath(new URL('../..', import.meta.url));

test('the declarations in sdk/types are those of the sources (npm run types makes them anew)', () => {
  const fresh = mkdtempSync(join(tmpdir(), 'turnout-types-'));
  try {
    const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json', '--outDir', fresh], { cwd: WEB });
    assert.equal(tsc.status, 0, String(tsc.stdout) + String(tsc.stderr));
    const kept = join(WEB, 'sdk/types');
    assert.deepEqual(readdirSync(kept).sort(), readdirSync(fresh).sort());
    for (const name of readdirSync(fresh)) {
      assert.equal(readFileSync(join(kept, name), 'utf8'), readFileSync(join(fresh, name), 'utf8'), name);
    }
  } finally {
    rmSync(fresh, { recursive: true });
  }
});
