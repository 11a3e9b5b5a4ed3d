/** What is optional: where it is not installed, and when it is loaded. */
import { expect, it } from 'vitest';
import { engine } from '../support/own-engine.js';
import { installWithout, runIn } from './bare.js';

it.each([
  ['Node', []],
  ["TypeScript's loader", ['--import', 'dtask/register']],
])('dtask works without prom-client and @opentelemetry/api, by %s', async (_by, flags) => {
  const folder = installWithout(['prom-client', '@opentelemetry/api']);
  const program = `
    import { App } from 'dtask';
    import { Worker } from 'dtask/worker';
    const broker = ${JSON.stringify(engine.url)};
    const app = new App('bare', { broker, prefix: 'bare' });
    const add = app.task('add', (x, y) => x + y);
    const worker = new Worker(app, { httpPort: 0, logLevel: 'silent' });
    await worker.start();
    const sum = await add.delay(1, 2).get({ timeout: '10s' });
    const page = async (path) => {
      const response = await fetch(worker.httpAddress + path);
      return [response.status, await response.text()];
    };
    const ready = await page('/readyz');
    const metrics = await page('/metrics');
    const text = await worker.metrics().catch((error) => error.message);
    let tracing;
    try {
      new App('traced', { broker, tracing: true });
    } catch (error) {
      tracing = [error.name, error.message];
    }
    await worker.stop();
    await app.close();
    console.log(JSON.stringify({ sum, ready, metrics, text, tracing }));`;
  const install = 'metrics need prom-client, which is not installed: npm install prom-client';
  expect(JSON.parse(await runIn(folder, program, flags))).toEqual({
    sum: 3,
    ready: [200, '{"ready":true}\n'],
    metrics: [501, `${install}\n`],
    text: install,
    tracing: [
      'ConfigError',
      'tracing needs @opentelemetry/api, which is not installed: npm install @opentelemetry/api',
    ],
  });
});

it.each([
  ['ahead of the first task, by a worker with a port', 'httpPort: 0,', true],
  ['by no other worker', '', false],
])('prom-client is loaded %s', async (_when, options, isLoaded) => {
  const program = `
    import { createRequire } from 'node:module';
    import { App } from 'dtask';
    import { Worker } from 'dtask/worker';
    const app = new App('loads', { broker: ${JSON.stringify(engine.url)}, prefix: 'loads-${isLoaded}' });
    const { cache } = createRequire(import.meta.url);
    const look = app.task('look', () => Object.keys(cache).some((file) => file.includes('prom-client')));
    const call = await look.delay();
    const worker = new Worker(app, { ${options} logLevel: 'silent' });
    await worker.start();
    console.log(await call.get({ timeout: '10s' }));
    await worker.stop();
    await app.close();`;
  expect(JSON.parse(await runIn(installWithout([]), program, []))).toBe(isLoaded);
});
