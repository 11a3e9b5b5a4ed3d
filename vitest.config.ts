/** How the tests run: `unit` beside the sources, `blackbox` in test/ against built packages and real servers. */
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './scripts/longest-first.js';

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // A test that passes on the second try is a bug, in it or in what it tests.
    retry: 0,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    allowOnly: false,
    sequence: { sequencer: LongestFirst },
    // Other packages are used as users get them: built, and loaded by Node itself.
    server: { deps: { external: [/\/(packages|apps)\/[^/]+\/dist\//] } },
    reporters: ['default', './scripts/closing-line.mjs'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'blackbox',
          include: ['test/**/*.test.ts'],
        },
      },
    ],
  },
});
