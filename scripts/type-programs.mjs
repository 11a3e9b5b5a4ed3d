/**
 * Compiles the programs of test/types/programs as users would, on each compiler and with each option that changes what
 * is checked: those in `accepted` must compile, and of those in `refused` each marked place must be refused with the
 * message that its mark asks for.
 *
 * A mark is a comment `// refused: part of the message`. It stands for the lines from there to the next mark.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { globSync } from 'tinyglobby';
import { root } from './packages.mjs';

const folder = join(root, 'test/types/programs');
const require = createRequire(import.meta.url);

/** The compilers, by the names of their packages. */
const compilers = ['typescript', 'typescript-6.0', 'typescript-5.9'];
const dialects = {
  'experimental decorators': [],
  'standard decorators': ['--experimentalDecorators', 'false', '--emitDecoratorMetadata', 'false'],
};
const strictness = {
  'every check': [],
  'fewer checks': [
    '--exactOptionalPropertyTypes',
    'false',
    // As projects of Nest have it.
    '--strictBindCallApply',
    'false',
  ],
};

/** What no message may have: names that only dtask's own files know, and the iterator protocol in depth. */
const unreadable = /'?\bAny\b'?|Misfit|Surplus|IteratorYieldResult/;

const marker = /^\s*\/\/ refused: (.+)$/;

/** The marked places of a file: their lines, and what their message must say. */
function marksOf(file) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const marks = lines.flatMap((line, at) => {
    const says = marker.exec(line)?.[1];
    return says === undefined ? [] : [{ from: at + 1, says, messages: [] }];
  });
  return marks.map((mark, at) => ({ ...mark, to: marks[at + 1]?.from ?? lines.length + 1 }));
}

/** Runs a compiler; gives its messages, each with its file and line. */
async function compile(compiler, options) {
  const manifest = require.resolve(`${compiler}/package.json`);
  const tsc = join(dirname(manifest), 'bin/tsc');
  const args = [tsc, '--noEmit', '--pretty', 'false', '-p', folder, ...options];
  const text = await new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root, maxBuffer: 1 << 26 }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
  const messages = [];
  for (const line of text.split('\n')) {
    const [, file, at, message] = /^(\S+?)\((\d+),\d+\): (error .*)$/.exec(line) ?? [];
    if (file !== undefined) messages.push({ file: join(root, file), line: Number(at), message });
    else if (line.startsWith(' ') && messages.length > 0) messages.at(-1).message += `\n${line}`;
    else if (line !== '') messages.push({ file: folder, line: 0, message: line });
  }
  return messages;
}

/** What is wrong with the messages of one run. */
function judge(messages, files) {
  const faults = [];
  const marks = new Map(files.map((file) => [file, marksOf(file)]));
  for (const { file, line, message } of messages) {
    const mark = marks.get(file)?.find(({ from, to }) => line >= from && line < to);
    if (mark) mark.messages.push(message);
    else faults.push(`${relative(root, file)}:${line} must compile: ${message}`);
  }
  let count = 0;
  for (const [file, list] of marks) {
    for (const { from, says, messages: got } of list) {
      count += 1;
      const where = `${relative(root, file)}:${from}`;
      const all = got.join('\n');
      if (got.length === 0) faults.push(`${where} must be refused with "${says}", but compiles`);
      else if (!all.includes(says)) faults.push(`${where} must be refused with "${says}":\n${all}`);
      else if (unreadable.test(all)) faults.push(`${where} is refused by a riddle:\n${all}`);
    }
  }
  return { faults, count };
}

const files = globSync('**/*.ts', { cwd: folder, absolute: true });
const runs = compilers.flatMap((compiler) =>
  Object.entries(dialects).flatMap(([dialect, dialectOptions]) =>
    Object.entries(strictness).map(([checks, checkOptions]) => ({
      name: `${compiler}, ${dialect}, ${checks}`,
      compiler,
      options: [...dialectOptions, ...checkOptions],
    })),
  ),
);
const only = process.argv[2];
let refused = 0;
const wanted = runs.filter(({ name }) => only === undefined || name.includes(only));
// Two at a time.
const queue = [...wanted];
const work = async () => {
  for (let run = queue.shift(); run; run = queue.shift()) {
    const { faults, count } = judge(await compile(run.compiler, run.options), files);
    refused = count;
    if (faults.length === 0) continue;
    process.exitCode = 1;
    console.error(
      `type programs: ${faults.length} faults with ${run.name}\n${faults.join('\n')}\n`,
    );
  }
};
await Promise.all([work(), work()]);
console.log(
  `type programs: ${refused} wrong ones, ${wanted.length} set-ups of compilers and options`,
);
