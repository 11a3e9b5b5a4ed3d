/** `dtask beat list`, `show`, `add`, `change`, `pause`, `resume`, `remove` and `run`. */
import { describe, expect, it } from 'vitest';
import { type Finished, runDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { setStage, type Stage } from '../support/stage.js';
import { startWorker } from '../support/worker-process.js';

type Beat = (...args: string[]) => Promise<Finished>;

function fromStage(): { stage: Stage; beat: Beat } {
  const stage = setStage(engine.url);
  const beat: Beat = (...args) =>
    runDtask(['beat', ...args, '-A', 'beat/app.ts'], { env: stage.environment() });
  return { stage, beat };
}

const json = ({ stdout }: Finished): Record<string, unknown> =>
  JSON.parse(stdout) as Record<string, unknown>;

describe('dtask beat', () => {
  it('adds an entry, changes it, pauses it, resumes it and removes it', async () => {
    const { beat } = fromStage();
    const added = await beat(
      ...['add', 'reminder', '--task', 'report', '--args', '["me", 2]'],
      ...['--crontab', '0 9 * * mon-fri', '--timezone', 'Europe/Paris', '--queue', 'mail'],
      ...['--priority', '3', '--expires', '10m', '--overlap', 'skip', '--misfire', 'all'],
      ...['--deadline', '1h', '--start', '2100-01-01T00:00:00Z', '--end', '2101-01-01T00:00:00Z'],
      ...['--limit', '5', '--options', '{"headers": {"tenant": "acme"}}', '--json'],
    );
    expect(added).toMatchObject({ code: 0, stderr: '' });
    expect(json(added)).toMatchObject({
      name: 'reminder',
      task: 'report',
      schedule: 'crontab 0 9 * * mon-fri (Europe/Paris)',
      source: 'runtime',
      next: '2100-01-01T08:00:00.000Z',
      overlap: 'skip',
      entry: {
        args: ['me', 2],
        call: { queue: 'mail', priority: 3, expiresIn: 600_000, headers: { tenant: 'acme' } },
        limit: 5,
        misfire: 'all',
        deadline: 3_600_000,
      },
    });
    const moved = await beat('change', 'reminder', '--timezone', 'America/New_York', '--json');
    expect(json(moved)).toMatchObject({
      schedule: 'crontab 0 9 * * mon-fri (America/New_York)',
      next: '2100-01-01T14:00:00.000Z',
    });
    const changed = await beat(
      ...['change', 'reminder', '--at', '2100-05-01T00:00:00+02:00'],
      ...['--unset', 'limit, queue', '--json'],
    );
    expect(json(changed)).toMatchObject({ next: '2100-04-30T22:00:00.000Z', task: 'report' });
    expect(json(changed)['entry']).not.toHaveProperty('limit');
    expect(json(changed)['entry']).not.toHaveProperty('call.queue');
    expect(json(changed)['entry']).toHaveProperty('call.priority', 3);
    expect(await beat('pause', 'reminder')).toMatchObject({
      code: 0,
      stdout: 'reminder is paused\n',
    });
    expect(json(await beat('show', 'reminder', '--json'))).toMatchObject({ paused: true });
    expect((await beat('resume', 'reminder')).stdout).toMatch(/^reminder fires in \d+d, 2100-/);
    expect(await beat('remove', 'reminder')).toMatchObject({
      code: 0,
      stdout: 'reminder was removed\n',
    });
    expect(await beat('show', 'reminder')).toMatchObject({
      code: 1,
      stderr: 'dtask: there is no beat entry reminder; dtask beat list shows them\n',
    });
  });

  it('lists the entries as a table, with their state, and shows all of one', async () => {
    const { beat, stage } = fromStage();
    await beat('add', 'far', '--task', 'report', '--at', '2100-01-01T00:00:00Z');
    await beat('add', 'sun', '--task', 'report', '--solar', 'sunset,48.86,2.35');
    await beat('add', 'rare', '--task', 'gone', '--every', '90m', '--align', '--jitter', '1m');
    await beat('pause', 'rare');
    const list = await beat('list');
    expect(list.code).toBe(0);
    expect(list.stdout).toMatch(/^NAME +TASK +SCHEDULE +NEXT +LAST +RUNS +SOURCE +STATE\s*\n/);
    expect(list.stdout).toMatch(
      /^far +report +once at 2100-01-01T00:00:00.000Z +in \d+d, \d{4}-\S+ \S+ +- +0 +runtime +ok/m,
    );
    expect(list.stdout).toMatch(/^rare +gone +every 90m, aligned +- +- +0 +runtime +paused/m);
    expect(list.stdout).toMatch(/^sun +report +sunset at 48\.86, 2\.35 +in /m);
    // No beat with this code has run yet.
    expect(list.stderr).toBe(
      'dtask: 3 entries of the code will be there when a beat with this code runs: nightly, sometimes, tick\n',
    );
    const shown = await beat('show', 'rare');
    for (const line of [
      /^rare$/,
      /state +paused/,
      /task +gone/,
      /jitter +60000 ms/,
      /source +added at run time/,
    ])
      expect(shown.stdout).toMatch(new RegExp(line.source, 'm'));
    expect(JSON.parse((await beat('list', '--json')).stdout)).toHaveLength(3);
    await stage.redis.hset(`${stage.prefix}:beat:{clockwork}:entries`, 'far', 'damaged');
    expect((await beat('list')).stdout).toMatch(
      /^far .*error: .*what is stored is no entry of version 1/m,
    );
  });

  it('runs an entry now, and waits for what its task returns where it is asked to', async () => {
    const { beat, stage } = fromStage();
    await beat(
      'add',
      'far',
      '--task',
      'report',
      '--args',
      '["far"]',
      '--at',
      '2100-01-01T00:00:00Z',
    );
    await startWorker({ env: stage.environment(), app: 'beat/app.ts' });
    expect(await beat('run', 'far', '--wait')).toMatchObject({
      code: 0,
      stdout: "'report of far'\n",
    });
    const { stdout } = await beat('run', 'far', '--json');
    const { id } = JSON.parse(stdout) as { id: string };
    expect(await stage.app.result(id).get({ timeout: '10s' })).toBe('report of far');
    expect(json(await beat('show', 'far', '--json'))).toMatchObject({ runs: 2, lastId: id });
  });

  it('takes -A ahead of the command as well, and warns of a task that the app does not have', async () => {
    const { stage } = fromStage();
    const { code, stdout, stderr } = await runDtask(
      ['beat', '-A', 'beat/app.ts', 'add', 'x', '--task', 'nobody', '--every', '1h'],
      { env: stage.environment() },
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^x fires in (59m|1h)/);
    expect(stderr).toMatch(/^dtask: this app has no task nobody/);
  });
});

describe.concurrent('dtask beat given what it cannot use ends with 1 and says why:', () => {
  const app = ['-A', 'beat/app.ts'];
  const add = (...flags: string[]) => ['add', 'x', ...app, '--task', 'report', ...flags];
  it.each<readonly [string, string[], RegExp]>([
    ['no app', ['list'], /dtask beat needs -A/],
    ['an unknown command', ['bogus', ...app], /dtask beat has no command bogus/],
    ['no task', ['add', 'x', ...app, '--every', '1h'], /beat add needs --task/],
    ['no schedule', add(), /needs one of every, cron and schedule, got none/],
    [
      'two schedules',
      add('--every', '1h', '--at', '2100-01-01T00:00:00Z'),
      /one schedule, got --every and --at/,
    ],
    ['a rate', add('--every', 'often'), /beat entry x: every must be .*got .*often/],
    ['a cron string', add('--cron', '61 * * * *'), /"61 \* \* \* \*" is not a cron string/],
    ['a crontab', add('--crontab', '0 9 * *'), /takes five fields/],
    [
      'a place',
      add('--solar', 'sunset,48'),
      /--solar takes an event, a latitude and a longitude, .*got 'sunset,48'/,
    ],
    ['an event', add('--solar', 'moonrise,48,2'), /there is no event "moonrise"/],
    [
      'a latitude',
      add('--solar', 'sunset,north,2'),
      /--solar: latitude must be a number, got 'north'/,
    ],
    [
      'a date',
      add('--at', 'march 7'),
      /--at must be a date such as 2027-01-31, .*the app, UTC.*got "march 7"/,
    ],
    [
      'a date of the past',
      add('--at', '2000-01-01T00:00:00Z'),
      /--at must not be past, got 2000-01-01T00:00:00Z/,
    ],
    ['an end of the past', add('--every', '1h', '--end', '2000-01-01'), /--end must not be past/],
    ['a start', add('--every', '1h', '--start', '12'), /--start must be a date .*got "12"/],
    [
      'an expiry',
      add('--every', '1h', '--expires', 'later'),
      /--expires must be a time such as 1h/,
    ],
    ['a zone', add('--cron', '0 9 * * *', '--timezone', 'Paris'), /Paris/],
    [
      'a zone without a wall clock',
      add('--every', '1h', '--timezone', 'UTC'),
      /--timezone goes with --cron or --crontab, not with --every/,
    ],
    ['align without a rate', add('--cron', '0 9 * * *', '--align'), /--align goes with --every/],
    ['arguments', add('--every', '1h', '--args', '{}'), /--args must be a JSON array/],
    ['options', add('--every', '1h', '--options', '[]'), /--options must be a JSON object/],
    [
      'an option of the call',
      add('--every', '1h', '--options', '{"color": 1}'),
      /has no option "color"/,
    ],
    [
      'an overlap',
      add('--every', '1h', '--overlap', 'never'),
      /overlap must be one of queue, skip, replace/,
    ],
    ['a misfire rule', add('--every', '1h', '--misfire', 'twice'), /misfire/],
    ['a limit', add('--every', '1h', '--limit', 'few'), /--limit must be a number, got 'few'/],
    [
      'bounds',
      add('--every', '1h', '--start', '2100-01-02T00:00:00Z', '--end', '2100-01-01T00:00:00Z'),
      /end must be later than start/,
    ],
    [
      'a name',
      ['add', 'a b', ...app, '--task', 'report', '--every', '1h'],
      /name must be 1 to 255 characters without spaces/,
    ],
    ['an entry that is not there', ['pause', 'nobody', ...app], /there is no beat entry nobody/],
    ['nothing to change', ['change', 'x', ...app], /beat change needs something to change/],
    [
      'a plan of none',
      ['--plan', '0', ...app],
      /--plan must be a whole number from 1 to 9999, got 0/,
    ],
    ['a level', ['-l', 'loud', ...app], /logLevel must be one of trace/],
  ])('%s', async (_what, args, message) => {
    const env = { DTASK_BROKER_URL: engine.url, DTASK_PREFIX: 'wrong' };
    const { code, stdout, stderr } = await runDtask(['beat', ...args], { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^dtask: /m);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});
