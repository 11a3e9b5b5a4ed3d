/**
 * Preloaded into a process, sets its clock wrong: by as many milliseconds as the file WRONG_CLOCK says, which may change
 * while the process runs. Timers and `performance.now()` go on, as they do when somebody sets a machine's clock.
 */
import { readFileSync } from 'node:fs';

const file = process.env['WRONG_CLOCK'];
const right = Date.now;
let ahead = 0;

if (file) {
  const look = () => {
    ahead = Number(readFileSync(file, 'utf8')) || 0;
  };
  look();
  setInterval(look, 50).unref();
}

const now = () => right() + ahead;
globalThis.Date = new Proxy(Date, {
  apply: () => new Date().toString(),
  construct: (target, args, made) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, made),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});
