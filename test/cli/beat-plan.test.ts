/** `dtask beat --plan`: what would be sent, and when. */
import { describe, expect, it } from 'vitest';
import { runDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';

// Nothing listens there.
const nowhere = { DTASK_BROKER_URL: 'redis://127.0.0.1:1/0', TZ: 'Asia/Tokyo' };

describe('dtask beat --plan', () => {
  it('prints the next fires of each entry in local time and in UTC, and needs no Redis', async () => {
    const { code, stdout, stderr } = await runDtask(
      ['beat', '-A', 'beat/fixed.ts', '--plan', '3', '--json'],
      { env: nowhere },
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^dtask: Redis at redis:\/\/127\.0\.0\.1:1\/0 does not answer, .*the code alone\n$/,
    );
    const common = { task: 'report', source: 'code', paused: false, changed: false };
    expect(JSON.parse(stdout)).toEqual([
      {
        ...common,
        name: 'century',
        schedule: 'schedule turn of the century',
        timezone: 'Asia/Tokyo',
        fires: [{ utc: '2200-01-01T00:00:00.000Z', local: '2200-01-01T09:00:00+09:00' }],
      },
      {
        ...common,
        name: 'hourly',
        schedule: 'every 1h',
        timezone: 'Asia/Tokyo',
        // The first at its start, and as many as the limit allows.
        fires: [
          { utc: '2100-01-01T00:00:00.000Z', local: '2100-01-01T09:00:00+09:00' },
          { utc: '2100-01-01T01:00:00.000Z', local: '2100-01-01T10:00:00+09:00' },
        ],
      },
      {
        ...common,
        name: 'nightly',
        schedule: 'cron 30 2 * * * (Europe/Paris)',
        timezone: 'Europe/Paris',
        // On the 28th there is no 02:30 in Paris.
        fires: [
          { utc: '2100-03-27T01:30:00.000Z', local: '2100-03-27T02:30:00+01:00' },
          { utc: '2100-03-28T01:00:00.000Z', local: '2100-03-28T03:00:00+02:00' },
          { utc: '2100-03-29T00:30:00.000Z', local: '2100-03-29T02:30:00+02:00' },
        ],
      },
      {
        ...common,
        name: 'past',
        schedule: 'once at 2000-01-01T00:00:00.000Z',
        timezone: 'Asia/Tokyo',
        fires: [],
      },
    ]);
  });

  it('says for people which entry never fires, and gives five fires of the others', async () => {
    const { code, stdout } = await runDtask(['beat', '--plan', '-A', 'beat/fixed.ts'], {
      env: nowhere,
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^past {2}report {2}once at .*\n {2}never fires: /m);
    expect(stdout).toMatch(
      /^ {2}2100-03-27 02:30:00\+01:00 Europe\/Paris {2}2100-03-27T01:30:00Z {2}in \d+d$/m,
    );
    expect(stdout.match(/Europe\/Paris {2}/g)).toHaveLength(5);
  });

  it('has what was added, paused and changed at run time, and changes nothing itself', async () => {
    const stage = setStage(engine.url);
    const env = stage.environment();
    const on = (...args: string[]) => runDtask(['beat', ...args, '-A', 'beat/fixed.ts'], { env });
    await on('add', 'reminder', '--task', 'report', '--at', '2100-01-01T09:00:00+01:00');
    await on('add', 'resting', '--task', 'report', '--every', '1h');
    await on('pause', 'resting');
    const before = await stage.redis.keys(`${stage.prefix}:*`);
    const { code, stdout, stderr } = await on('--plan', '1', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const plan = JSON.parse(stdout) as { name: string }[];
    expect(plan.map(({ name }) => name)).toEqual([
      'century',
      'hourly',
      'nightly',
      'past',
      'reminder',
      'resting',
    ]);
    expect(plan.at(4)).toMatchObject({
      source: 'runtime',
      fires: [{ utc: '2100-01-01T08:00:00.000Z' }],
    });
    expect(plan.at(5)).toMatchObject({ paused: true, fires: [] });
    expect((await on('--plan')).stdout).toMatch(
      /^resting .*added at run time, paused\n {2}does not fire: it is paused/m,
    );
    expect((await stage.redis.keys(`${stage.prefix}:*`)).toSorted()).toEqual(before.toSorted());
  });

  it('of an app without entries says where they would be', async () => {
    const { code, stdout } = await runDtask(['beat', '-A', 'faults/app.ts', '--plan'], {
      env: nowhere,
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^no entries; an app has them in /);
  });
});
