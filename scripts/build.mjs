/**
 * Builds every package that changed, in order, by turbo. No telemetry, no notices, nothing asked of the network; turbo's
 * own output is worth reading only when a build fails.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { root } from './packages.mjs';

const turbo = createRequire(import.meta.url).resolve('turbo/bin/turbo');
const args = ['run', 'build', '--output-logs=errors-only', ...process.argv.slice(2)];
const { status, error, stdout, stderr } = spawnSync(process.execPath, [turbo, ...args], {
  cwd: root,
  encoding: 'utf8',
  env: {
    ...process.env,
    DO_NOT_TRACK: '1',
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
  },
});
if (error) throw error;
if (status !== 0) {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
}
process.exitCode = status ?? 1;
