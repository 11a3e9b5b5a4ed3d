/** Spans of the tasks that run in children, exported by the children. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { trace } from '@opentelemetry/api';
import { expect, it, onTestFinished } from 'vitest';
import { chain } from 'dtask';
import { testEngine, testWorker } from 'dtask/testing';
import type { SpanLine } from '../fixtures/traced/spans.js';
import { rejection } from '../behaviour/rejection.js';
import { moduleOf } from '../support/crew.js';
import { Trace } from '../support/trace.js';

const module = moduleOf('traced');
const soon = { timeout: '20s' } as const;

it('spans link caller, worker, and the tasks that a task calls, across processes', async () => {
  const engine = await testEngine();
  onTestFinished(() => engine.stop());
  const files = new Trace();
  onTestFinished(() => files[Symbol.dispose]());
  Object.assign(process.env, { TRACE_DIR: files.dir, DTASK_BROKER_URL: engine.url });
  const { add, app, double, fail } = await import('../fixtures/traced/app.js');
  const worker = await testWorker(app, { module, pool: 'processes', concurrency: 2 });
  onTestFinished(() => worker.stop({ force: true }));
  await trace.getTracer('test').startActiveSpan('request', async (span) => {
    expect(await double.delay(4).get(soon)).toBe(8);
    expect(await chain(add.s(1, 2), add.s(10)).delay().get(soon)).toBe(13);
    await rejection(fail.delay().get(soon));
    span.end();
  });
  // What ends in order exports what it has.
  await worker.stop();
  await app.close();

  const spans = readFileSync(join(files.dir, 'spans'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SpanLine);
  expect(new Set(spans.map((span) => span.trace)).size).toBe(1);
  expect(treeOf(spans)).toEqual([
    'request (here)',
    '  send chain (here)',
    '    send add (here)',
    '      run add (child)',
    '        query (child)',
    '      send add (here)',
    '        run add (child)',
    '          query (child)',
    '  send double (here)',
    '    run double (child)',
    '      send add (child)',
    '        run add (child)',
    '          query (child)',
    '  send fail (here)',
    '    run fail (child)',
  ]);
  expect(spans.find(({ name }) => name === 'run fail')?.state).toBe('FAILURE');
});

/** Names, indented by how deep they are, and where they ran. */
function treeOf(spans: readonly SpanLine[], parent?: string, indent = ''): string[] {
  return spans
    .filter((span) => span.parent === parent)
    .toSorted((one, other) => one.name.localeCompare(other.name))
    .flatMap((span) => [
      `${indent}${span.name} (${span.pid === process.pid ? 'here' : 'child'})`,
      ...treeOf(spans, span.id, `${indent}  `),
    ]);
}
