/** Flags that cannot be used, and the help. */
import { describe, expect, it } from 'vitest';
import { runDtask } from '../support/dtask-process.js';

// Nothing listens there: these commands end before they would look.
const env = { DTASK_BROKER_URL: 'redis://127.0.0.1:1/0' };

describe.concurrent('flags', () => {
  it('that nobody knows end with 1, their name and the help', async () => {
    const { code, stderr } = await runDtask(['worker', '-A', 'faults/app.ts', '--turbo']);
    expect(code).toBe(1);
    expect(stderr).toContain("unknown option '--turbo'");
    expect(stderr).toContain('Usage: dtask worker');
  });

  it.each([
    [['-c', '0'], /concurrency must be .*at least 1, got .*0/],
    [['-c', 'many'], /concurrency must be .*got .*many/],
    [['-l', 'loud'], /logLevel must be one of trace, .*got .*loud/],
    [['--lock-duration', 'soon'], /lockDuration .*got .*soon/],
    [['--lock-duration', '10'], /lockDuration must be at least 500ms, got 10ms; .*milliseconds/],
    [['--stalled-interval', '0'], /stalledInterval must be at least 100ms, got 0ms/],
    [['--max-memory-per-child', 'much'], /maxMemoryPerChild .*'200MB', got "much"/],
    [['--workers', '3', '--http-port', '65534'], /none for worker 3/],
    [['-Q', 'a b'], /queues .*got .*a b/],
    [['-X', 'a b'], /excludeQueues .*got .*a b/],
    [['-X', 'default'], /left without a queue: it would take from default/],
    [['-n', 'a b'], /name must be .*got .*a b/],
  ])('%j that cannot be used end with 1 and say why', async (flags, message) => {
    const { code, stderr } = await runDtask(['worker', '-A', 'faults/app.ts', ...flags], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

describe.concurrent('--help', () => {
  it.each([
    ['dtask', [], ['worker', 'call', 'result', 'queues', 'purge', 'report']],
    [
      'dtask worker',
      ['worker'],
      [
        '-A, --app',
        '--embedded',
        '-Q, --queues',
        '-X, --exclude-queues',
        '-c, --concurrency',
        '-n, --name',
        '-l, --log-level',
        '--lock-duration',
        '--stalled-interval',
        '(default: 20s)',
      ],
    ],
    [
      'dtask call',
      ['call'],
      [
        '--args',
        '--queue',
        '--countdown',
        '--eta',
        '--expires',
        '--priority',
        '--id',
        '--wait',
        '--json',
        'Example:',
      ],
    ],
    ['dtask result', ['result'], ['--wait', '--json', '<id>']],
    ['dtask queues', ['queues'], ['-A, --app', '--json']],
    ['dtask purge', ['purge'], ['--queues', '--force', '--json']],
    ['dtask report', ['report'], ['-A, --app', '--json']],
  ] satisfies [string, string[], string[]][])(
    'of %s says what it takes, and ends with 0',
    async (_what, command, parts) => {
      const { code, stdout, stderr } = await runDtask([...command, '--help']);
      expect(code).toBe(0);
      expect(stderr).toBe('');
      for (const part of parts) expect(stdout).toContain(part);
    },
  );

  it('--version prints a version', async () => {
    const { code, stdout } = await runDtask(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
  });

  it('a command that nobody knows ends with 1', async () => {
    const { code, stderr } = await runDtask(['wroker']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/unknown command 'wroker'[^]*worker/);
  });
});
