/** Runs npm scripts one after another, all of them even when one fails, and says what each took. */
import { spawnSync } from 'node:child_process';

const results = process.argv.slice(2).map((step) => {
  console.log(`\n== ${step}`);
  const start = performance.now();
  const { status } = spawnSync('npm', ['run', '--silent', step], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  return { step, ok: status === 0, seconds: (performance.now() - start) / 1000 };
});

console.log('');
for (const { step, ok, seconds } of results) {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${step} (${seconds.toFixed(1)} s)`);
}
if (results.some(({ ok }) => !ok)) process.exitCode = 1;
