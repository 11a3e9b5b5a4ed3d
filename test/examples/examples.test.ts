/** The examples and the demo, run as a user runs them: as processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Embedded, startEmbedded } from 'dtask/embedded';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const examples = fileURLToPath(new URL('../../apps/examples/', import.meta.url));
const cli = fileURLToPath(new URL('../../apps/dtask/dist/cli.js', import.meta.url));

/** How a process ended, and what it printed. */
interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, args, {
    cwd: examples,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const printed = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.err += text));
  const ended = once(child, 'close').then(([code]): Ended => {
    running.delete(child);
    return { code: code as number | null, ...printed };
  });
  return { child, printed, ended };
}

const run = (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> =>
  start(args, env).ended;

/** Runs one of the short examples; what it prints on stderr shows when it fails. */
async function printedBy(example: string): Promise<string> {
  const { code, out, err } = await run([`dist/${example}.js`]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

describe('the quickstart', () => {
  let redis: Embedded;
  beforeAll(async () => {
    redis = await startEmbedded({ dir: false });
  });
  afterAll(() => redis?.stop());

  it.each([
    [
      'from its TypeScript sources',
      'src/quickstart/app',
      ['--import', 'dtask/register', 'src/quickstart/main.ts'],
    ],
    ['as tsc compiled it', 'dist/quickstart/app', ['dist/quickstart/main.js']],
  ])('a worker executes the tasks that the script calls, %s', async (_how, app, script) => {
    const env = { DTASK_BROKER_URL: redis.url };
    const worker = start([cli, 'worker', '-A', app], env);
    // The calls wait for the worker, however long it takes to start.
    const { code, out, err } = await run(script, env);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^[\da-f-]{36} 25\n3\n$/);
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toMatchObject({ code: 0 });
    expect(worker.printed.err).toContain('math.add');
    expect(worker.printed.err).toContain('math.square');
  });
});

describe('the short examples', () => {
  it('retries end well, or with the error of the task', async () => {
    expect(await printedBy('retries')).toBe(
      [
        'rate: 1.25',
        'order 7 is paid, after 3 retries',
        'rates.fetch failed with TypeError: there is no currency XXX',
        'rates.busy failed with Busy: the bank is closed',
        '',
      ].join('\n'),
    );
  });

  it('failed tasks are looked at and retried, and their chains go on', async () => {
    expect(await printedBy('failed')).toBe(
      [
        'the chain has failed: the printer is off',
        "kept: paper.print [ 'invoice' ] on queue default",
        'the chain has failed: the printer is off',
        "kept: paper.print [ 'letter' ] on queue default",
        "to retry: paper.print [ 'letter' ]",
        "to retry: paper.print [ 'invoice' ]",
        'retried: 2',
        '14 cents',
        '12 cents',
        '',
      ].join('\n'),
    );
  });

  it('tasks compose into chains, groups and chords', async () => {
    const lines = (await printedBy('canvas')).trim().split('\n');
    // Callbacks run beside the rest.
    expect(lines.toSorted()).toEqual(
      [
        'chain: 7',
        'group: [ 2, 3 ]',
        'chord: 6',
        'replaced: 8',
        'chunks: [ [ 2, 4 ], [ 6 ] ]',
        'linked: 42',
        'printed: 42',
        'told: refuse failed: nobody reads "the quick cat jumps"',
        'failed: TaskFailedError: nobody reads "the quick cat jumps"',
        'ended: 2',
      ].toSorted(),
    );
  });

  it('calls are taken together, and each gets its own result', async () => {
    expect(await printedBy('batches')).toBe(
      ['words: [ 4, 2, 2 ]', '[ 6 ]', 'TaskFailedError: no text', ''].join('\n'),
    );
  });

  it('a task runs over any number of items', async () => {
    expect(await printedBy('map')).toBe(
      [
        'sum of squares: 333833500',
        '0 { a: 1 }',
        '1 SyntaxError',
        '2 [ 2 ]',
        'words: { to: 2, be: 2, or: 2, not: 1, what: 1 }',
        '',
      ].join('\n'),
    );
  });

  it('values that JSON cannot hold arrive as they were sent', async () => {
    const out = await printedBy('values');
    expect(out).toContain('due 2026-02-14T12:00:00.000Z total 2449n');
    expect(out).toContain("tags Set(2) { 'gift', 'closed' } receipt receipt 17, paid noted false");
    expect(out).toContain('ENCODE args[0].note');
  });

  it('schedules say when they tick next', async () => {
    expect(await printedBy('schedules')).toBe(
      [
        'every 90m, aligned → 2026-03-28T13:30:00.000Z',
        'crontab 0 9 1-7 * mon (Europe/Paris) → 2026-04-06T07:00:00.000Z',
        'cron 30 2 * * * (Europe/Paris) → 2026-03-29T01:00:00.000Z',
        'sunset at 48.86, 2.35 → 2026-03-28T18:15:23.000Z',
        'once at 2027-01-01T00:00:00.000Z → 2027-01-01T00:00:00.000Z',
        'schedule end of quarter → 2026-03-31T00:00:00.000Z',
        '',
      ].join('\n'),
    );
  });

  it('periodic tasks are declared in three ways, and their plan is printed without a Redis', async () => {
    const app = 'dist/beat/app.js';
    const { code, out } = await run([cli, 'beat', '-A', app, '--plan', '1'], {
      DTASK_BROKER_URL: 'redis://127.0.0.1:1/0',
    });
    expect(code).toBe(0);
    for (const entry of [
      'lamps  lamps.turn  sunset at 48.86, 2.35',
      'nightly  report.send  cron 0 3 * * * (Europe/Paris)',
      'stock.sync  stock.sync  every 5m',
      'weekly  report.send  crontab 0 8 * * mon (Europe/Paris)',
    ])
      expect(out).toContain(`${entry}\n`);
    expect(out).toMatch(/^ {2}\d{4}-\d\d-\d\d 03:00:00\+0[12]:00 Europe\/Paris {2}.*Z {2}in /m);
  });

  it('periodic tasks are added, changed, paused, run and removed at run time', async () => {
    expect(await printedBy('beat/main')).toBe(
      [
        'reminded Ann',
        'reminded Ann',
        'ann | every 200ms | 2 runs ',
        'bob | cron 0 8 * * mon-fri (Europe/Paris) | 0 runs | paused',
        'reminded Bob',
        '',
      ].join('\n'),
    );
  });

  it('a schema parses arguments and refuses wrong ones before they are sent', async () => {
    const out = await printedBy('schema');
    expect(out).toContain('Dear Ann, ...');
    expect(out).toContain('args[0].email: Invalid email address');
    expect(out).toContain('args[0].name');
  });

  it('a caller hears of the progress of a task', async () => {
    const lines = (await printedBy('progress')).trimEnd().split('\n');
    // The first steps may pass before the caller's connection is up; no step comes twice or late.
    const frames = lines.flatMap(
      (line) => /^PROGRESS \{ frame: (\d+), of: 100 \}$/.exec(line)?.[1] ?? [],
    );
    expect(frames).toEqual(['0', '25', '50', '75'].slice(-frames.length));
    expect(frames).not.toEqual([]);
    expect(lines).toContain("UPLOADING { file: 'holiday' }");
    expect(lines).toContain('done: holiday.webm');
    expect(lines).toContain('asked by id: SUCCESS');
  });
});

describe('the demo', () => {
  it('computes every number exactly although a worker is killed, and leaves nothing behind', async () => {
    const { code, out, err } = await run(['dist/flights/demo.js']);
    expect({ code, err, out }).toMatchObject({ code: 0, err: '' });

    const [, victim, pid, chunk] =
      /killed\s+(w\d), pid (\d+), by SIGKILL in the middle of chunk (\d+)/.exec(out) ?? [];
    const other = victim === 'w1' ? 'w2' : 'w1';
    expect(out).toMatch(
      new RegExp(`recovered chunk ${chunk} runs again, on ${other}, [\\d.]+ s after the kill`),
    );
    expect(out).toMatch(new RegExp(`killed +${victim} \\(pid ${pid}\\) by SIGKILL`));
    expect(out).toMatch(new RegExp(`ran twice +.*chunk ${chunk} \\(${victim}, then ${other}\\)`));
    expect(out).toContain('44 of 44 chunks');
    expect(out).toContain('44, over 220,000 flights');
    expect(out).toContain(
      'identical: all 4,320 numbers of 480 groups are exactly those of one process',
    );
    // Without a terminal there is nothing to redraw and nothing to colour.
    for (const control of ['\r', '\u001B']) expect(out).not.toContain(control);

    const workers = [...out.matchAll(/is ready, pid (\d+)/g)].map(([, found]) => Number(found));
    expect(workers).toHaveLength(2);
    expect(workers.filter(isAlive)).toEqual([]);
  }, 120_000);

  it('stops at Ctrl-C, and takes its workers along', async () => {
    const demo = start(['dist/flights/demo.js']);
    await expect.poll(() => demo.printed.out, { timeout: 30_000 }).toContain('sent');
    demo.child.kill('SIGINT');
    const { code, out, err } = await demo.ended;
    expect({ code, err }).toEqual({ code: 130, err: 'demo: stopped by SIGINT\n' });
    const workers = [...out.matchAll(/is ready, pid (\d+)/g)].map(([, found]) => Number(found));
    expect(workers).toHaveLength(2);
    expect(workers.filter(isAlive)).toEqual([]);
  }, 60_000);

  it('says which worker ended where none should, and exits with 1', async () => {
    const demo = start(['dist/flights/demo.js']);
    await expect.poll(() => demo.printed.out, { timeout: 30_000 }).toContain('sent');
    process.kill(Number(/w2 is ready, pid (\d+)/.exec(demo.printed.out)?.[1]), 'SIGKILL');
    const { code, err } = await demo.ended;
    expect(err).toContain('demo: worker w2 ended by itself (SIGKILL)');
    expect(code).toBe(1);
  }, 60_000);
});
