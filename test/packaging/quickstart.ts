/** The quickstart as the README has it, and what users of other set-ups write instead. */
import { readFileSync } from 'node:fs';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The block of code that follows a line of the README. */
function blockAfter(line: string): string {
  const [, block] = readme.slice(readme.indexOf(line)).split(/^```\w*\n/m, 2);
  const code = block?.split(/^```$/m, 1)[0];
  if (!readme.includes(line) || !code) throw new Error(`the README has no code after: ${line}`);
  return code;
}

/** What the README tells its reader to write and to run. */
export const quickstart = {
  tsconfig: blockAfter('`tsconfig.json` switches decorators on'),
  app: blockAfter('`app.ts` has the tasks:'),
  main: blockAfter('`main.ts` calls them:'),
  worker: words(blockAfter('In one terminal:')),
  script: words(blockAfter('In another:')),
} as const;

function words(command: string): [string, ...string[]] {
  return command.trim().split(' ') as [string, ...string[]];
}

/** The README's `tsconfig.json` with other compiler options. */
export function tsconfig(changes: Readonly<Record<string, unknown>>): string {
  const { compilerOptions } = JSON.parse(quickstart.tsconfig) as { compilerOptions: object };
  return JSON.stringify({ compilerOptions: { ...compilerOptions, ...changes } });
}

/** For standard decorators, which tsc compiles from `src` to `dist`. */
export function standardDecorators(changes: Readonly<Record<string, unknown>> = {}): string {
  const dialect = { experimentalDecorators: undefined, emitDecoratorMetadata: undefined };
  return tsconfig({ ...dialect, rootDir: 'src', outDir: 'dist', ...changes });
}

/** The same calls in a CommonJS module, which has no `await` of its own. */
export const mainInFunction = `
import { add, MathTasks } from './app.js';

async function main(): Promise<void> {
  const result = await MathTasks.square.delay(5);
  console.log(result.id, await result.get({ timeout: '10s' }));
  console.log(await add.delay(1, 2).get({ timeout: '10s' }));
}

void main();
`;

/** An app in plain JavaScript. */
export const requiring = {
  app: `
const { App } = require('dtask');

exports.app = new App('shop');
exports.add = exports.app.task('math.add', (x, y) => x + y);
`,
  main: `
const { add } = require('./app.js');

add.delay(1, 2).get({ timeout: '10s' }).then(console.log);
`,
} as const;

/** An app whose tasks are in modules that it includes. */
export const including = {
  app: `
import { App } from 'dtask';

export const app = new App('shop', { include: ['./tasks/*.ts'] });
`,
  tasks: `
import { app } from '../app.js';

export class MathTasks {
  @app.task({ name: 'math.square' })
  static square(x: number): number {
    return x * x;
  }
}
`,
  main: `
import { MathTasks } from './tasks/math.js';

console.log(await MathTasks.square.delay(5).get({ timeout: '10s' }));
`,
} as const;

/** Calls that TypeScript was told not to check. */
export const wrongCall = `
import { MathTasks } from './app.js';

await MathTasks.square.delay('5' as never).get().catch(({ name, message }) => console.log(name, message));
`;

/** Calls and uses of a result that TypeScript refuses, one a line from the second on. */
export const wrongTypes = `import { add, MathTasks } from './app.js';
await MathTasks.square.delay('5');
await MathTasks.square.delay();
await add.delay('1', 2);
export const text: string = await MathTasks.square.delay(5).get();
`;
