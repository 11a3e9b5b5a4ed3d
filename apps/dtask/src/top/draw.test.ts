/** The screen of `dtask top`: what fits, and what gives way. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { draw, drawAll } from './draw.js';
import type { QueueRow, RunningRow, Snapshot, WorkerRow } from './snapshot.js';
import { widthOf } from './text-width.js';
import { actionsOf, afterAction, firstView, type View, withSnapshot } from './view.js';

const worker = (name: string, more: Partial<WorkerRow> = {}): WorkerRow => ({
  name,
  host: 'box',
  pid: 42,
  pool: 'threads',
  running: 1,
  size: 4,
  processed: 1_234,
  rate: 12.3,
  load: 0.5,
  uptime: 75,
  ...more,
});

const queue = (name: string, more: Partial<QueueRow> = {}): QueueRow => ({
  name,
  waiting: 5,
  delayed: 2,
  active: 1,
  failed: 0,
  in: 1,
  out: 2,
  ...more,
});

const run = (task: string, more: Partial<RunningRow> = {}): RunningRow => ({
  id: '1f0c6b1e-9f5e-4d2a-8a53-0a5f9d6f2f4e',
  task,
  queue: 'default',
  worker: 'shop@box.42',
  seconds: 3,
  retries: 0,
  args: '1, 2',
  ...more,
});

const at = new Date(2026, 0, 1, 12, 30, 0);

const snapshot = (more: Partial<Snapshot> = {}): Snapshot => ({
  at,
  broker: 'redis://127.0.0.1:6379',
  rates: { succeeded: 812, failed: 3.1, retried: 0 },
  workers: [worker('one'), worker('two')],
  queues: [queue('default'), queue('mail')],
  running: [run('image.resize')],
  failures: [
    {
      id: '74948a8f-024c-4dd5-a669-171ce20a26be',
      task: 'mail.send',
      queue: 'mail',
      error: 'TypeError: no such mailbox',
      at: new Date(at.getTime() - 65_000),
    },
  ],
  ...more,
});

const viewOf = (more: Partial<Snapshot> = {}, view: Partial<View> = {}): View => ({
  ...withSnapshot(firstView, snapshot(more)),
  ...view,
});

const plain = (lines: readonly string[]): string[] => lines.map(stripVTControlCharacters);
const screen = (view: View, columns: number, rows: number): string[] =>
  plain(draw(view, { columns, rows }));
const startingWith = (lines: readonly string[], start: string): string =>
  lines.find((line) => line.startsWith(start)) ?? `no line starts with ${start}`;

const crowd = (count: number): Partial<Snapshot> => ({
  workers: Array.from({ length: count }, (_, index) => worker(`worker-of-a-long-name-${index}`)),
  queues: Array.from({ length: count }, (_, index) => queue(`queue-${index}`)),
  running: Array.from({ length: count }, (_, index) => run(`task.${index}`)),
});

describe('a screen', () => {
  const views: [string, View][] = [
    ['before the first look', firstView],
    ['with nothing at all', viewOf({ workers: [], queues: [], running: [], failures: [] })],
    ['with a few', viewOf()],
    ['with a crowd', viewOf(crowd(60))],
    ['in trouble', viewOf({}, { trouble: `Redis does not answer: ${'x'.repeat(500)}` })],
    [
      'with long and wide names',
      viewOf({
        workers: [worker('w'.repeat(300))],
        queues: [queue('画像'.repeat(80))],
        running: [run('報告.作成'.repeat(40), { args: `"${'👩‍👩‍👧'.repeat(50)}"` })],
      }),
    ],
    ['with a long history', viewOf({}, { history: Array.from({ length: 300 }, (_, n) => n) })],
  ];
  const sizes = [
    [80, 24],
    [200, 50],
    [40, 10],
    [20, 5],
    [7, 3],
    [1, 1],
  ] as const;
  it.each(views.flatMap(([name, view]) => sizes.map((size) => [name, ...size, view] as const)))(
    '%s fits into %d columns and %d rows',
    (_name, columns, rows, view) => {
      const lines = screen(view, columns, rows);
      expect(lines.length).toBeLessThanOrEqual(rows);
      expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(columns);
    },
  );

  it('has everything at 120 columns', () => {
    const lines = screen(viewOf(), 120, 30);
    expect(lines).toHaveLength(30);
    expect(lines[0]).toMatch(
      /^dtask top {2}2 workers {2}2 of 8 busy {2}redis:\/\/127.0.0.1:6379 +12:30:00$/,
    );
    expect(lines[1]).toMatch(/^succeeded 812\/s +failed 3.1\/s +retried 0.0\/s$/);
    expect(startingWith(lines, 'one')).toMatch(
      /^one +box\/42 +threads +1\/4 +1234 +12.3 +0.50 +1m15s$/,
    );
    expect(startingWith(lines, '1 default')).toMatch(/^1 default +5 +2 +1 +0 +1.0 +2.0$/);
    expect(startingWith(lines, 'image.resize')).toMatch(
      /^image.resize +3s +default +shop@box.42 +1f0c6b1e-\S+ +1, 2$/,
    );
    expect(startingWith(lines, 'mail.send')).toMatch(
      /^mail.send +1m05s +mail +74948a8f-\S+ +TypeError: no such mailbox$/,
    );
    expect(lines.at(-1)).toBe('q quit   s sort: name   p pause   1-9 queue: all');
  });

  it('gives up columns before it cuts ids, which are of no use in parts', () => {
    const at80 = screen(viewOf(), 80, 24).join('\n');
    expect(at80).toContain('74948a8f-024c-4dd5-a669-171ce20a26be');
    expect(at80).not.toContain('ARGUMENTS');
    expect(screen(viewOf(), 50, 24).join('\n')).not.toContain('74948a8f');
  });

  it('shares its rows, and says how many of each it shows', () => {
    const lines = screen(viewOf({ ...crowd(60), queues: [queue('default')] }), 80, 24);
    expect(startingWith(lines, 'WORKERS')).toMatch(/^WORKERS 6\/60 /);
    expect(startingWith(lines, 'QUEUES')).toMatch(/^QUEUES /);
    expect(startingWith(lines, 'RUNNING')).toMatch(/^RUNNING 5\/60 /);
    expect(lines.join('\n')).toContain('mail.send');
  });

  it('says what there is none of', () => {
    const text = screen(viewOf({ workers: [], queues: [], running: [], failures: [] }), 80, 24);
    for (const line of ['no worker answers', 'no queue was used yet', 'nothing runs'])
      expect(text).toContain(line);
  });

  it('marks a worker that does not answer', () => {
    const lines = screen(viewOf({ workers: [worker('one', { silent: 4.2 })] }), 80, 24);
    expect(startingWith(lines, 'one')).toContain('silent 4s');
    expect(lines[0]).toContain('0 workers  0 of 0 busy');
  });

  it('says since when it knows nothing new', () => {
    expect(screen(viewOf({}, { trouble: 'Redis does not answer' }), 80, 24)[1]).toBe(
      'this is of 12:30:00: Redis does not answer',
    );
  });

  it('lets nothing that others have written steer the terminal', () => {
    const evil = 'a\u001b[2Jb\r\nc\u009bd\u202ee';
    const lines = draw(viewOf({ running: [run(evil, { args: evil })] }), {
      columns: 120,
      rows: 30,
    });
    expect(plain(lines).join('')).toContain('a\\x1B[2Jb c\\x9Bde');
    for (const control of ['\u001b[2J', '\r', '\n', '\u009b', '\u202e'])
      expect(lines.join('')).not.toContain(control);
  });

  it('draws the history against its greatest value', () => {
    const [, line] = screen(viewOf({}, { history: [0, 25, 50, 100] }), 100, 24);
    expect(line).toMatch(/ ▁▂▄█ most 100\/s$/);
  });

  it('printed at once has every row', () => {
    const text = plain(drawAll(viewOf(crowd(60)), 160)).join('\n');
    expect(text).toContain('worker-of-a-long-name-59');
    expect(text).toContain('task.59');
    expect(text).not.toContain('q quit');
  });
});

describe('a key', () => {
  const press = (view: View, typed: string): View => {
    let after = view;
    for (const action of actionsOf(typed))
      if (action !== 'quit' && action !== 'stop') after = afterAction(after, action);
    return after;
  };

  it('chooses a queue by its number, whatever the order, and all by 0', () => {
    const busy = viewOf({
      queues: [queue('default', { waiting: 1 }), queue('mail', { waiting: 900 })],
    });
    const sorted = press(busy, 's');
    const lines = screen(sorted, 100, 30);
    expect(lines.indexOf(startingWith(lines, '2 mail'))).toBeLessThan(
      lines.indexOf(startingWith(lines, '1 default')),
    );
    const mail = press(sorted, '2');
    expect(screen(mail, 100, 30).join('\n')).not.toContain('image.resize');
    expect(screen(mail, 100, 30).at(-1)).toContain('queue: mail, 0 all');
    expect(screen(press(mail, '0'), 100, 30).join('\n')).toContain('image.resize');
    expect(press(mail, '2').queue).toBeUndefined();
    expect(press(mail, '7').queue).toBeUndefined();
  });

  it('pauses, and goes on', () => {
    const paused = press(viewOf(), 'p');
    expect(screen(paused, 80, 24)[0]).toContain('PAUSED 12:30:00');
    expect(press(paused, 'p').paused).toBe(false);
  });

  it('ends it, and what arrows send is no key', () => {
    expect(['q', 'Q', '\u0003', 'sq'].map((typed) => actionsOf(typed).at(-1))).toEqual(
      Array.from({ length: 4 }, () => 'quit'),
    );
    expect(actionsOf('\u001b[1;5p')).toEqual([]);
  });
});
