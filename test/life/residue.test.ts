/** Nothing is left of what was started and stopped: no timer, no socket, no listener, and no process that lives on. */
import { expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { startProgram } from './program.js';

it.each(['worker', 'same-app', 'beat', 'app'])(
  'twenty more of a kind leave no more than five do: %s',
  { timeout: 60_000 },
  async (kind) => {
    const program = startProgram('twenty.mjs', engine.url, kind);
    expect(await program.end(50_000)).toEqual({ code: 0, signal: null });
    expect(JSON.parse(program.stderr)).toEqual({});
  },
);
