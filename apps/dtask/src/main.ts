/** The first module of the `dtask` command: begins what takes long, then loads the rest. */
import process from 'node:process';

const args = process.argv.slice(2);
if (args[0] === 'worker' && args.includes('--embedded') && !args.includes('--help')) {
  const { prepareEngine } = await import('./engine.js');
  prepareEngine();
}
await import('./cli.js');
