/**
 * Checks what would be published: packs every public package, then looks at the tarballs as a stranger would. They
 * hold README, LICENSE and a dist without tests, stale files or unresolvable source maps; they import nothing that
 * they do not name; publint and attw find no fault; and what they export loads, by import and by require.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { globSync } from 'tinyglobby';
import { packages, published, root } from './packages.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'dtask-pack-'));
const modules = join(scratch, 'node_modules');
const complaints = [];

try {
  mkdirSync(modules);
  for (const pkg of published) {
    const tarball = pack(pkg);
    const folder = unpack(tarball, pkg.manifest.name);
    checkContents(pkg, folder);
    checkDeclared(pkg, folder);
    tool(pkg, 'publint', ['run', tarball, '--strict']);
    // ESM only: require() of it works from Node 20.19 on, and older resolution modes are not served.
    tool(pkg, 'attw', [tarball, '--profile', 'esm-only', '--no-emoji', '--format', 'ascii']);
  }
  linkDependencies();
  for (const pkg of published) checkExportsLoad(pkg);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exitCode = 1;
else console.log(`packages fit to publish: ${published.map((p) => p.manifest.name).join(', ')}`);

function complain(pkg, text) {
  complaints.push(`${pkg.manifest.name}: ${text}`);
}

function run(command, args, options = {}) {
  const shell = process.platform === 'win32';
  const done = spawnSync(command, args, { encoding: 'utf8', cwd: scratch, shell, ...options });
  if (done.error) throw done.error;
  return {
    ok: done.status === 0,
    stdout: done.stdout,
    output: `${done.stdout}${done.stderr}`.trim(),
  };
}

function pack(pkg) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch];
  const { ok, stdout, output } = run('npm', args, { cwd: pkg.folder });
  if (!ok) throw new Error(`npm pack failed in ${pkg.folder}:\n${output}`);
  const [report] = Object.values(JSON.parse(stdout));
  return join(scratch, basename(report.filename));
}

function unpack(tarball, name) {
  const folder = join(modules, name);
  mkdirSync(folder, { recursive: true });
  const { ok, output } = run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1']);
  if (!ok) throw new Error(`${tarball} does not unpack:\n${output}`);
  return folder;
}

function tool(pkg, name, args) {
  const { ok, output } = run(join(root, 'node_modules/.bin', name), args);
  if (!ok) complain(pkg, `${name} says\n${output}`);
}

function checkContents(pkg, folder) {
  if (!existsSync(join(folder, 'README.md'))) complain(pkg, 'the tarball has no README.md');
  const licence = join(folder, 'LICENSE');
  if (!existsSync(licence)) complain(pkg, 'the tarball has no LICENSE');
  else if (readFileSync(licence, 'utf8') !== readFileSync(join(root, 'LICENSE'), 'utf8')) {
    complain(pkg, 'its LICENSE is not the one at the root');
  }

  const files = globSync('**/*', { cwd: folder, dot: true });
  const tests = files.filter((file) => /\.test\.|(^|\/)(test|tests|fixtures|bench)\//.test(file));
  if (tests.length > 0) complain(pkg, `the tarball holds tests: ${tests.join(', ')}`);

  for (const file of files.filter((name) => name.endsWith('.d.ts'))) {
    const source = join(pkg.folder, file.replace(/^dist\//, 'src/').replace(/\.d\.ts$/, '.ts'));
    if (existsSync(source) || existsSync(`${source}x`)) continue;
    complain(pkg, `${file} has no source any more: npm run clean, then build again`);
  }
  for (const file of files.filter((name) => name.endsWith('.js.map'))) {
    const map = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const reachable = (source) => existsSync(join(folder, dirname(file), source));
    if (map.sourcesContent || map.sources.every(reachable)) continue;
    complain(pkg, `${file} points to sources that are not in the tarball`);
  }
}

/** What dist imports has to be among the package's own dependencies: here, hoisting would hide that it is not. */
function checkDeclared(pkg, folder) {
  const { name, dependencies, peerDependencies, optionalDependencies } = pkg.manifest;
  const declared = { ...dependencies, ...peerDependencies, ...optionalDependencies, [name]: '' };
  for (const file of globSync('dist/**/*.{js,d.ts}', { cwd: folder })) {
    const code = readFileSync(join(folder, file), 'utf8').replaceAll(/^\s*(\/\*|\*|\/\/).*$/gm, '');
    for (const [, specifier] of code.matchAll(
      /(?:\bfrom|\bimport)\s*\(?\s*['"]([@\w][^'"]*)['"]/g,
    )) {
      const wanted = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
      if (wanted in declared || isBuiltin(specifier)) continue;
      complain(pkg, `${file} imports ${wanted}, which its package.json does not name`);
    }
  }
}

/** Gives the unpacked tarballs the installed dependencies, without the workspace's own packages. */
function linkDependencies() {
  const own = new Set(packages.map(({ manifest }) => manifest.name));
  const installed = join(root, 'node_modules');
  const names = readdirSync(installed).flatMap((entry) => {
    if (entry.startsWith('.')) return [];
    if (!entry.startsWith('@')) return [entry];
    return readdirSync(join(installed, entry)).map((name) => `${entry}/${name}`);
  });
  for (const name of names.filter((entry) => !own.has(entry))) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(installed, name), join(modules, name), 'junction');
  }
}

/** An entry whose only way in is the `import` condition, such as a hook for `node --import`, is not for require. */
function checkExportsLoad(pkg) {
  for (const [entry, target] of Object.entries(pkg.manifest.exports ?? {})) {
    if (/\*|\.json$/.test(entry)) continue;
    const name = JSON.stringify(pkg.manifest.name + entry.slice(1));
    load(pkg, 'module', `await import(${name})`);
    if (typeof target === 'string' || target.default || target.require) {
      load(pkg, 'commonjs', `require(${name})`);
    }
  }
}

function load(pkg, kind, code) {
  const args = [`--input-type=${kind}`, '--eval', code];
  const { ok, output } = run(process.execPath, args, { shell: false, timeout: 30_000 });
  if (!ok) complain(pkg, `${code} fails\n${output}`);
}
