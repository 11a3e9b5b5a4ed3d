/**
 * Writes the parts of the docs that come from the sources: the configuration and command reference, .env.example, and
 * the examples inside the pages. Checks that the API reference names every export, and that links between pages lead
 * somewhere. With --check nothing is written, and whatever is stale makes it fail.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { globSync } from 'tinyglobby';
import { appSettings, tlsTables, workerSettings } from '../packages/core/dist/internal.js';
import { root } from './packages.mjs';

const checking = process.argv.includes('--check');
const cli = join(root, 'apps/dtask/dist/cli.js');
const oxfmt = join(
  dirname(createRequire(import.meta.url).resolve('oxfmt/package.json')),
  'bin/oxfmt',
);
const commands = [
  'worker',
  'beat',
  'beat list',
  'beat show',
  'beat add',
  'beat change',
  'beat pause',
  'beat resume',
  'beat remove',
  'beat run',
  'dev',
  'call',
  'result',
  'status',
  'top',
  'inspect',
  'control',
  'events',
  'queues',
  'purge',
  'failed',
  'failed list',
  'failed show',
  'failed retry',
  'failed drop',
  'report',
];
/** Variables that no table of settings has. */
const otherVariables = [
  {
    env: 'DTASK_EMBEDDED_ENGINE',
    kind: 'string',
    defaultText: 'auto',
    doc: 'Which server `--embedded` and `startEmbedded()` run: `native`, `wasm`, or `auto`, which takes a native one where there is one.',
  },
];
const complaints = [];

publish('docs/reference/configuration.md', configuration());
publish('docs/reference/cli.md', commandLine());
publish('.env.example', environment());
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...globSync('docs/**/*.md', { cwd: root }),
].toSorted();
for (const page of pages) {
  const text = read(page);
  publish(page, withExamples(page, text));
  checkLinks(page, text);
}
checkReference();

for (const complaint of complaints) console.error(`docs: ${complaint}`);
if (complaints.length > 0) process.exitCode = 1;
else console.log(`docs: ${pages.length} pages ${checking ? 'agree with the sources' : 'written'}`);

function read(file) {
  return readFileSync(join(root, file), 'utf8');
}

/** Writes a file, or complains where it is not what it should be. */
function publish(file, text) {
  const path = join(root, file);
  if (existsSync(path) && read(file) === text) return;
  if (checking) {
    complaints.push(`${file} is stale; run: npm run docs`);
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Runs a program of the repository and gives what it prints. */
function run(program, args, input) {
  const env = { ...process.env, COLUMNS: '80', NO_COLOR: '1' };
  const done = spawnSync(process.execPath, [program, ...args], {
    cwd: root,
    encoding: 'utf8',
    env,
    input,
  });
  if (done.status === 0) return done.stdout;
  throw new Error(`${relative(root, program)} ${args.join(' ')} failed:\n${done.stderr}`, {
    cause: done.error,
  });
}

/** Formats a text as `npm run format` will, so that the two agree. */
function format(file, text) {
  return run(oxfmt, [`--stdin-filepath=${file}`], text);
}

function configuration() {
  const page = [
    '# Configuration',
    '<!-- Written by scripts/docs.mjs from packages/core/src/config/settings.ts: edit that, then `npm run docs`. -->',
    'A setting comes from the code if the code names it, else from the environment, else it has its default. Flags of `dtask worker` count as code. A value of the wrong kind, and an option that does not exist, are refused with a `ConfigError` that names them. An environment variable that is set but empty counts as not set.',
    'A *duration* is a number of milliseconds, or a number with a unit: `250ms`, `10s`, `5m`, `1.5h`, `7d`, `2w`. A *list* is an array in code and names parted by commas elsewhere. *Bytes* are a plain number.',
    '## App',
    'Options of `new App(name, options)`. Beside these it takes `include`, `routes`, `broadcast`, `beat` and `tasks`, which have no variable: see the [API reference](api.md#appoptions).',
    settingsTable(appSettings),
    '### TLS',
    'The options `tls` and `sentinelTls` of an App are objects of these. A certificate or key is the path of a file, or its text (`-----BEGIN ...`); it is read when the App is made. They are of use for addresses that begin with `rediss`.',
    settingsTable(named('tls')),
    'The same for sentinels. What is not given is as for servers, but for the name.',
    settingsTable(named('sentinelTls')),
    '## Worker',
    'Options of `new Worker(app, options)` and flags of [`dtask worker`](cli.md#dtask-worker).',
    settingsTable(workerSettings),
    '## Elsewhere',
    table(
      ['Variable', 'Kind', 'Default', 'What it is'],
      otherVariables.map((row) => [code(row.env), row.kind, code(row.defaultText), row.doc]),
    ),
    'All variables stand, with their defaults, in `.env.example` at the root of the repository. dtask does not read `.env` files by itself; Node does with `--env-file`.',
  ];
  return format('docs/reference/configuration.md', `${page.join('\n\n')}\n`);
}

/** The rows of an option that is an object, under the names of its parts. */
function named(option) {
  return Object.fromEntries(
    Object.entries(tlsTables[option]).map(([key, row]) => [`${option}.${key}`, row]),
  );
}

function settingsTable(settings) {
  const rows = Object.entries(settings).map(([name, { env, flag, kind, defaultText, doc }]) => {
    const names = flag ? [code(env), code(flag)] : [code(env)];
    return [code(name), names.join('<br>'), kind, code(defaultText), doc];
  });
  return table(['Option', 'Elsewhere', 'Kind', 'Default', 'What it is'], rows);
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text) {
  return `\`${text}\``;
}

function commandLine() {
  const help = (args) => ['```text', run(cli, [...args, '--help']).trimEnd(), '```'].join('\n');
  const page = [
    '# Command line',
    "<!-- Written by scripts/docs.mjs from the commands' own help: edit apps/dtask/src, then `npm run docs`. -->",
    'Every command ends with exit code 0 only where it did what it was asked to. Commands that print data take `--json`, and end quietly when their reader goes away, as behind `| head -1`. What goes wrong is printed to standard error, and begins with `dtask:`. What starting and stopping a worker means is in the guide: [workers](../guide/workers.md), [deployment](../guide/deployment.md) with the exit codes, [development](../guide/development.md).',
    '`-A app` finds `app.ts`, `app.mts`, `app.cts`, `app.js`, `app.mjs`, `app.cjs`, the same in `src/`, then `app/app.ts` and `app/index.ts` with the same endings. A path with its ending is taken as it is, and `app:orders` picks the export `orders` where a module exports several Apps.',
    help([]),
    ...commands.flatMap((command) => [`## dtask ${command}`, help(command.split(' '))]),
  ];
  return format('docs/reference/cli.md', `${page.join('\n\n')}\n`);
}

function environment() {
  const rows = [
    ...Object.values(appSettings),
    ...Object.values(tlsTables).flatMap((table) => Object.values(table)),
    ...Object.values(workerSettings),
    ...otherVariables,
  ];
  const entries = rows.map(({ env, kind, defaultText, doc }) => {
    // A default in words, such as (none) or a pattern of a name, is no value to write down.
    const value = /^\(|@host/.test(defaultText) ? '' : rawDefault(kind, defaultText, rows, env);
    return `# ${doc} (${kind}, default: ${unquoted(defaultText)})\n# ${env}=${value}\n`;
  });
  return `# Every variable that dtask reads, with its default. Written by scripts/docs.mjs.\n\n${entries.join('\n')}`;
}

function rawDefault(kind, defaultText, rows, env) {
  return kind === 'bytes'
    ? String(rows.find((row) => row.env === env).default)
    : unquoted(defaultText);
}

function unquoted(text) {
  return text.replaceAll('"', '');
}

/** Puts each file that a page names by `<!-- file: path -->` into the code block that follows. */
function withExamples(page, text) {
  return text.replaceAll(
    /^(<!-- file: (\S+) -->\n+```(\w+)\n)([\s\S]*?)^```$/gm,
    (whole, opening, file) => {
      if (existsSync(join(root, file))) return `${opening}${format(file, shown(file))}\`\`\``;
      complaints.push(`${page} shows ${file}, which is not there`);
      return whole;
    },
  );
}

/** An example as a reader wants it: without the sentence that opens every file of the repository. */
function shown(file) {
  return read(file).replace(/^\/\*\*.*?\*\/\s*/s, '');
}

function checkLinks(page, text) {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
  for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file, anchor] = target.split('#');
    const path = file === '' ? join(root, page) : resolve(root, dirname(page), file);
    if (!existsSync(path)) complaints.push(`${page} links to ${target}, which is not there`);
    else if (anchor && !anchorsOf(path).has(anchor))
      complaints.push(`${page} links to ${target}: no such heading`);
  }
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(path) {
  const headings = readFileSync(path, 'utf8')
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .matchAll(/^#+ (.+)$/gm);
  const slug = (heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-');
  return new Set([...headings].map(([, heading]) => slug(heading)));
}

function checkReference() {
  const text = read('docs/reference/api.md');
  for (const entry of ['index', 'testing', 'worker', 'embedded']) {
    for (const name of exportsOf(join(root, `apps/dtask/dist/${entry}.d.ts`))) {
      if (new RegExp(`\\b${name}\\b`).test(text)) continue;
      complaints.push(
        `docs/reference/api.md does not mention ${name}, which dtask${entry === 'index' ? '' : `/${entry}`} exports`,
      );
    }
  }
}

/** The names that a declaration file exports, those that it passes on included. */
function exportsOf(file) {
  const text = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const passedOn = [...text.matchAll(/^export \* from '([^']+)'/gm)].flatMap(([, from]) =>
    exportsOf(declarations(file, from)),
  );
  const listed = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, names]) =>
    names.split(','),
  );
  const named = listed.map((name) =>
    name
      .trim()
      .replace(/^type /, '')
      .replace(/^.* as /, ''),
  );
  const declared = [
    ...text.matchAll(
      /^export (?:declare )?(?:abstract )?(?:class|function|const|interface|type) (\w+)/gm,
    ),
  ];
  return [
    ...new Set(
      [...passedOn, ...named, ...declared.map(([, name]) => name)].filter((name) => name !== ''),
    ),
  ];
}

function declarations(file, from) {
  if (from.startsWith('.')) return resolve(dirname(file), from.replace(/\.js$/, '.d.ts'));
  return join(root, 'node_modules', from, 'dist/index.d.ts');
}
