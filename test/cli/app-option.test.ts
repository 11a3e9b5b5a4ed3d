/** `-A` of `dtask worker`: what it finds, and what it says where it finds nothing that it can run. */
import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixtures, runDtask } from '../support/dtask-process.js';
import { engine } from '../support/own-engine.js';
import { setStage } from '../support/stage.js';
import { startWorker } from '../support/worker-process.js';

// Nothing listens there: these commands end before they would look.
const env = { DTASK_BROKER_URL: 'redis://127.0.0.1:1/0' };

describe.concurrent('-A', () => {
  it('that names no module ends with 1 and the list of what was looked for', async () => {
    const { code, stdout, stderr } = await runDtask(['worker', '-A', 'shop/main'], { env });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    for (const tried of [
      'shop/main.ts',
      'shop/main.js',
      'src/shop/main.ts',
      'shop/main/app.ts',
      'shop/main/index.mjs',
    ]) {
      expect(stderr).toContain(`\n  ${tried}`);
    }
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('that is missing ends with 1 and says which option that is', async () => {
    const { code, stderr } = await runDtask(['worker']);
    expect(code).toBe(1);
    expect(stderr).toContain("required option '-A, --app <module>'");
  });

  it.each([
    [
      'a module with two Apps',
      'pair/app.ts',
      /exports 2 Apps; say which one: -A pair\/app\.ts:name/,
    ],
    [
      'a module that exports no App of that name',
      'pair/app.ts:pub',
      /exports no App named pub; it exports .*bank/,
    ],
    ['an export that is no App', 'pair/app.ts:buy', /exports no App named buy/],
    [
      'a module without an App',
      'broken/no-app.ts',
      /no-app\.ts exports no App; write: export const app = new App/,
    ],
    [
      'an include pattern that matches nothing',
      'broken/include-nothing.ts',
      /include pattern \.\/nowhere\/\*\.ts matches no file in .*broken/,
    ],
  ])('%s ends with 1 and a message in one line', async (_what, app, message) => {
    const { code, stderr } = await runDtask(['worker', '-A', app], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it.each([
    [
      'a module that throws while it loads',
      'broken/throws.ts',
      'the settings file is gone',
      'RangeError',
      'readSettings',
    ],
    [
      'an included module that throws',
      'broken/include-throws.ts',
      'row 7 of the table is torn',
      'SyntaxError',
      'loadTable',
    ],
  ])(
    '%s ends with 1 and shows its own error with its stack',
    async (_what, app, message, kind, place) => {
      const { code, stderr } = await runDtask(['worker', '-A', app], { env });
      expect(code).toBe(1);
      expect(stderr).toMatch(/^dtask: .*failed to load: /m);
      expect(stderr).toContain(`${kind}: ${message}`);
      expect(stderr).toMatch(new RegExp(`at ${place}.*throws\\.ts`));
    },
  );
});

describe('-A', () => {
  it.each([
    ['a path without its ending', 'faults/app', fixtures],
    ['a folder', 'faults', fixtures],
    ['a name in the current folder', 'app', `${fixtures}faults`],
    ['a path from elsewhere', relative('/', `${fixtures}faults/app.ts`), '/'],
  ])('may be %s', async (_what, app, cwd) => {
    const { environment } = fromStage();
    const worker = await startWorker({ env: environment, app, cwd });
    expect(await worker.logged(/^ready$/)).toMatchObject({ app: 'faults' });
  });

  it.each(['shop', 'bank'])('picks the App %s of two behind a colon', async (name) => {
    const { environment } = fromStage();
    const worker = await startWorker({ env: environment, app: `pair/app.ts:${name}` });
    expect(await worker.logged(/^ready$/)).toMatchObject({
      app: name,
      tasks: [name === 'shop' ? 'buy' : 'pay'],
    });
  });
});

function fromStage() {
  return { environment: setStage(engine.url).environment() };
}
