/** What the options accept and refuse. */
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveOptions, type EmbeddedOptions } from './options.js';

describe('options', () => {
  it('has a default for each', () => {
    expect(resolveOptions({}, {})).toEqual({
      host: '127.0.0.1',
      port: 0,
      engine: 'auto',
      wasmNamed: false,
      dir: resolve('.dtask'),
      startTimeout: 10_000,
    });
  });

  it('lets DTASK_EMBEDDED_ENGINE set the default engine, and an option win over it', () => {
    expect(resolveOptions({}, { DTASK_EMBEDDED_ENGINE: 'wasm' })).toMatchObject({
      engine: 'wasm',
      wasmNamed: false,
    });
    expect(resolveOptions({ engine: 'native' }, { DTASK_EMBEDDED_ENGINE: 'wasm' })).toMatchObject({
      engine: 'native',
    });
  });

  it.each<[EmbeddedOptions, NodeJS.ProcessEnv, string]>([
    [{ port: -1 }, {}, 'port must be a whole number from 0 to 65535, got: -1'],
    [{ host: 'redis.local' }, {}, 'host must be an IP address or localhost, got: "redis.local"'],
    [
      { engine: 'sqlite' as 'wasm' },
      {},
      `engine must be 'auto', 'native' or 'wasm', got: "sqlite"`,
    ],
    [
      {},
      { DTASK_EMBEDDED_ENGINE: 'x' },
      `DTASK_EMBEDDED_ENGINE must be 'auto', 'native' or 'wasm', got: "x"`,
    ],
    [{ dir: '' }, {}, 'dir must be a folder or false, got: ""'],
    [
      { startTimeout: 0 },
      {},
      'startTimeout must be a number of milliseconds from 1 to 2147483647, got: 0',
    ],
    [
      { prot: 1 } as EmbeddedOptions,
      {},
      'option "prot" is unknown; known are host, port, engine, dir, startTimeout',
    ],
  ])('refuses %j with %j, naming what was wrong', (options, env, message) => {
    expect(() => resolveOptions(options, env)).toThrow(
      expect.objectContaining({ code: 'EMBEDDED_OPTIONS', message }),
    );
  });
});
