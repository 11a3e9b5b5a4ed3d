/** The first module of the `dtask` command: begins what takes long, then loads the rest. */
import process from 'node:process';
import { endOnSignals } from './early-stop.js';

const args = process.argv.slice(2);
if (['worker', 'beat', 'dev'].includes(args[0] ?? '')) endOnSignals();
const wantsEngine =
  (args[0] === 'worker' && args.includes('--embedded')) ||
  (args[0] === 'dev' && !args.includes('--no-embedded'));
if (wantsEngine && !args.some((arg) => arg === '--help' || arg === '-h')) {
  const { prepareEngine } = await import('./engine.js');
  prepareEngine();
}
await import('./cli.js');
