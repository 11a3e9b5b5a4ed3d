/** `dtask top`: workers, queues, rates, running tasks and failures, once and live. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { troupe } from '../control/troupe.js';
import { runDtask } from '../support/dtask-process.js';
import { Engine } from '../support/engine.js';
import {
  hasPseudoTerminal,
  needsPseudoTerminal,
  PseudoTerminal,
} from '../support/pseudo-terminal.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { until } from '../support/until.js';

const cli = fileURLToPath(new URL('../../apps/dtask/dist/cli.js', import.meta.url));

/** What a terminal is sent when the screen is taken, and given back. */
const taken = '\u001b[?1049h';
const given = '\u001b[?1049l';
/** What empties the screen, ahead of one that is drawn as a whole. */
const clear = '\u001b[2J';
/** What is written to have a line begin with this in the second row. */
const secondRow = (text: string): string => `\u001b[2;1H\u001b[2K${text}`;

beforeAll(() =>
  Promise.all([
    troupe.hire('one', ['-c', '2']),
    troupe.hire('two', ['-c', '3', '-P', 'threads', '-Q', 'default,mail']),
  ]),
);

const run = (...args: string[]) => runDtask(['top', ...args], { env: troupe.stage.environment() });

/** Sends a task that runs until its gate opens, and one that fails; resolves when both have. */
async function perform(mark: string): Promise<{ running: string; failed: string }> {
  const { app, trace } = troupe.stage;
  const running = await app.sendTask('gated', [mark], { queue: 'mail' });
  const failed = await app.sendTask('fail', [`mailbox of ${mark}`], { queue: 'mail' });
  await trace.started(mark);
  await until('the failed task is kept', () => app.failed.show(failed.id));
  return { running: running.id, failed: failed.id };
}

describe('dtask top --once', () => {
  it('gives all of it as JSON', async () => {
    const { running, failed } = await perform('json');
    await troupe.app.sendTask('echo', [1], { queue: 'mail', countdown: 600_000 });
    const { code, stdout, stderr } = await run('--json', '-d', '200ms');
    troupe.trace.open('json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      broker: engine.url,
      rates: { failed: 0, retried: 0 },
      workers: [
        { name: 'one', pid: troupe.worker('one').pid, pool: 'inline', running: 0, size: 2 },
        { name: 'two', pid: troupe.worker('two').pid, pool: 'threads', running: 1, size: 3 },
      ],
      queues: expect.arrayContaining([
        expect.objectContaining({ name: 'mail', waiting: 0, delayed: 1, active: 1, in: 0, out: 0 }),
      ]) as unknown,
      running: [{ id: running, task: 'gated', queue: 'mail', worker: 'two', args: '"json"' }],
      failures: expect.arrayContaining([
        expect.objectContaining({
          id: failed,
          task: 'fail',
          worker: 'two',
          error: 'TypeError: mailbox of json',
        }),
      ]) as unknown,
    });
  });

  it('is text where the output is no terminal, with the rates of the time between two looks', async () => {
    const { running, failed } = await perform('text');
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted) await troupe.app.sendTask('echo', [1]).get({ timeout: '15s' });
    })();
    const [piped, once] = [await run(), await run('--once')];
    over.abort();
    await load;
    troupe.trace.open('text');
    for (const { code, stdout } of [piped, once]) {
      expect(code).toBe(0);
      expect(stdout).not.toContain('\u001b');
      expect(stdout).toMatch(/^dtask top {2}2 workers {2}\d of 5 busy/);
      expect(stdout).toMatch(/^succeeded (?!0.0)[\d.]+\/s /m);
      expect(stdout).toMatch(/^two +\S+\/\d+ +threads +\d\/3 /m);
      expect(stdout).toMatch(new RegExp(`^gated +\\d+s +mail +two +${running} +"text"$`, 'm'));
      expect(stdout).toMatch(
        new RegExp(`^fail +\\d+s +mail +${failed} +TypeError: mailbox of text$`, 'm'),
      );
    }
  });

  it('says that nobody works, and refuses an interval that is none', async () => {
    const alone = setStage(engine.url);
    const { code, stdout } = await runDtask(['top', '-d', '100ms'], { env: alone.environment() });
    expect(code).toBe(0);
    for (const text of ['no worker answers', 'no queue was used yet', 'nothing runs'])
      expect(stdout).toContain(text);
    expect(await run('-d', '1ms')).toMatchObject({
      code: 1,
      stderr: 'dtask: interval must be at least 100ms, got 1ms\n',
    });
  });

  it('says that Redis is not there', async () => {
    const env = { DTASK_BROKER_URL: 'redis://127.0.0.1:1', DTASK_SEND_TIMEOUT: '500ms' };
    const { code, stderr } = await runDtask(['top', '--once'], { env });
    expect(code).toBe(1);
    expect(stderr).toContain('Redis at redis://127.0.0.1:1 does not answer');
  });
});

describe.skipIf(!hasPseudoTerminal)(`dtask top on a terminal (${needsPseudoTerminal})`, () => {
  const live = (env = troupe.stage.environment(), how = '') =>
    new PseudoTerminal(
      `echo "modes=$(stty -g)"; ${process.execPath} ${cli} top -d 200ms ${how}; echo "code=$?"; echo "modes=$(stty -g)"`,
      { env },
    );

  /** Its modes were the same before and after, and the screen was given back once, behind all else. */
  async function expectRestored(terminal: PseudoTerminal, code = 0): Promise<void> {
    await terminal.ended();
    const { output } = terminal;
    const modes = [...output.matchAll(/modes=(\S+)/g)].map(([, mode]) => mode);
    expect(modes).toHaveLength(2);
    expect(modes[1]).toBe(modes[0]);
    expect(output.split(taken)).toHaveLength(2);
    const [, after, ...more] = output.split(given);
    expect(more).toEqual([]);
    expect(after).toMatch(new RegExp(`^\\s*code=${code}\\s+modes=\\S+\\s*$`));
  }

  it('shows what goes on, and q gives the terminal back', async () => {
    const { running } = await perform('live');
    const terminal = live();
    await terminal.shows('2 workers');
    await terminal.shows(running);
    const before = terminal.output.length;
    troupe.trace.open('live');
    await terminal.shows('nothing runs', before);
    terminal.type('p');
    await terminal.shows('PAUSED');
    terminal.type('q');
    await expectRestored(terminal);
  });

  it('keeps to a narrow terminal, and is drawn anew when that is resized', async () => {
    const terminal = new PseudoTerminal(
      `stty cols 36 rows 8; echo "tty=$(tty)"; ${process.execPath} ${cli} top -d 200ms`,
      { env: troupe.stage.environment() },
    );
    /** How wide the widest line is, once the screen was last emptied for so many rows. */
    const widest = (rows: number) =>
      until(`${rows} rows are drawn`, () => {
        const { output } = terminal;
        const text = output.slice(Math.max(0, output.lastIndexOf(clear)));
        // oxlint-disable-next-line no-control-regex -- that is what a terminal is sent
        const line = /\u001b\[(\d+);1H([^]*?)(?=\u001b\[\d+;1H|\u001b\[\?2026l)/g;
        const lines = [...text.matchAll(line)];
        if (Math.max(...lines.map(([, row]) => Number(row))) !== rows) return undefined;
        return Math.max(
          ...lines.map(([, , written = '']) => [...stripVTControlCharacters(written)].length),
        );
      });
    // It sets one after the other, and the screen is drawn for each.
    const resize = (columns: number, rows: number) => {
      const [, tty = ''] = /tty=(\S+)/.exec(terminal.output) ?? [];
      spawnSync('stty', ['-F', tty, 'cols', String(columns), 'rows', String(rows)]);
    };
    await terminal.shows('2 workers');
    expect(await widest(8)).toBeLessThanOrEqual(36);
    resize(120, 40);
    expect(await widest(40)).toBeGreaterThan(36);
    resize(50, 5);
    expect(await widest(5)).toBeLessThanOrEqual(50);
    terminal.type('q');
    await terminal.ended();
  });

  it('ends by Ctrl-C', async () => {
    const terminal = live();
    await terminal.shows('2 workers');
    terminal.type('\u0003');
    await expectRestored(terminal);
  });

  it('gives the terminal back when it is told to end', async () => {
    const told = new PseudoTerminal(
      `echo "modes=$(stty -g)"; ${process.execPath} ${cli} top -d 200ms </dev/tty & echo "pid=$!"; wait $!; echo "code=$?"; echo "modes=$(stty -g)"`,
      { env: troupe.stage.environment() },
    );
    await told.shows('2 workers');
    process.kill(Number(/pid=(\d+)/.exec(told.output)?.[1]), 'SIGTERM');
    await expectRestored(told);
  });

  it('says so while Redis is away, and goes on when it is back', async () => {
    await using engine = await Engine.start();
    const stage = setStage(engine.url);
    const terminal = live(stage.environment({ DTASK_SEND_TIMEOUT: '500ms' }));
    await terminal.shows('no worker answers');
    await engine.kill();
    await terminal.shows(`Redis at ${engine.url} does not answer`);
    const before = terminal.output.length;
    await engine.back();
    // Without trouble the rates stand in the second row again.
    await terminal.shows(secondRow('succeeded'), before);
    terminal.type('q');
    await expectRestored(terminal);
  });

  it('shows for how long a killed worker has been silent, until it counts as gone', async () => {
    const killed = await troupe.hire('three');
    const terminal = live();
    await terminal.shows('3 workers');
    const before = terminal.output.length;
    await killed.kill();
    await terminal.shows(/three +.*silent \d+s/, before);
    const later = terminal.output.length;
    await terminal.shows(/dtask top.*2 workers/, later, 20_000);
    terminal.type('q');
    await expectRestored(terminal);
  });
});
