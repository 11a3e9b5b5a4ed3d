/** How long it takes from `dtask worker --embedded` to the first task done. */
// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { RoleProcess, track } from '../role-process.mjs';
import { median } from '../numbers.mjs';
import { spread } from '../text.mjs';

const limit = 1_000;
/** Longest that a worker may take to stop before it is killed, in milliseconds. */
const patience = 5_000;
const app = fileURLToPath(new URL('../start/app.ts', import.meta.url));

/** @type {import('../bench.mjs').Scenario} */
export const start = {
  name: 'start',
  title: '`dtask worker -A app.ts --embedded`, from its spawn to the first task',
  async run({ server, short }) {
    const engines = server.isNative ? ['native', 'wasm'] : ['wasm'];
    const rounds = short ? 1 : 5;
    const found = [];
    for (const engine of engines) {
      const times = [];
      // The first one finds cold caches, which a user finds once.
      if (!short) await first(server, engine);
      for (let round = 0; round < rounds; round += 1) times.push(await first(server, engine));
      found.push({ engine, times, ran: median(times.map(({ ran }) => ran)) });
    }
    return {
      data: found,
      tables: [
        {
          title: 'Milliseconds since the spawn; the caller sends as soon as the engine listens',
          columns: ['engine', 'engine listens', 'first task ran'],
          rows: found.map(({ engine, times }) => [
            engine,
            spread(times.map(({ listened }) => listened)),
            spread(times.map(({ ran }) => ran)),
          ]),
          ...(server.isNative
            ? {}
            : { note: 'Without native: PATH has no redis-server and no valkey-server.' }),
        },
      ],
      bars: found.map(({ engine, ran }) => ({
        kind: 'time',
        text: `${engine}: first task under 1.0 s`,
        got: `${(ran / 1_000).toFixed(2)} s`,
        met: ran < limit,
      })),
    };
  },
};

/**
 * @param {import('../server.mjs').Server} server
 * @param {string} engine
 */
async function first(server, engine) {
  const folder = mkdtempSync(path.join(tmpdir(), 'dtask-bench-'));
  const caller = new RoleProcess('first-caller', server);
  try {
    await caller.ask('ready');
    const port = await freePort();
    const began = Date.now();
    const worker = spawn(
      process.execPath,
      [command(), 'worker', '-A', app, '--embedded', '-l', 'warn'],
      {
        cwd: folder,
        env: {
          ...process.env,
          DTASK_BROKER_URL: `redis://127.0.0.1:${port}/0`,
          DTASK_EMBEDDED_ENGINE: engine,
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    track(worker);
    const failed = endedBySelf(worker);
    const { listened, ran } = await Promise.race([caller.ask('call', port), failed]);
    await stop(worker);
    return { listened: listened - began, ran: ran - began };
  } finally {
    await caller.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {import('node:child_process').ChildProcess} worker
 * @returns {Promise<never>}
 */
function endedBySelf(worker) {
  let errors = '';
  worker.stderr?.on('data', (text) => {
    errors += text;
  });
  const failed = once(worker, 'exit').then(([code]) => {
    throw new Error(`the worker ended by itself (${code}):\n${errors}`);
  });
  failed.catch(() => undefined);
  return failed;
}

/** @param {import('node:child_process').ChildProcess} worker */
async function stop(worker) {
  const gone = once(worker, 'exit');
  const timer = setTimeout(() => worker.kill('SIGKILL'), patience);
  worker.kill('SIGTERM');
  await gone;
  clearTimeout(timer);
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** The file behind the `dtask` command, as its package names it. */
function command() {
  const manifest = new URL(import.meta.resolve('dtask/package.json'));
  return fileURLToPath(new URL(JSON.parse(readFileSync(manifest, 'utf8')).bin.dtask, manifest));
}
