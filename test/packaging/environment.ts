/** The environment of a user's terminal: without what the test runner and npm left in this one. */
const kept = /^(DTASK_EMBEDDED_ENGINE|npm_config_(cache|registry|userconfig))$/;
const left = /^(DTASK_|VITEST|npm_|INIT_CWD$|NODE_OPTIONS$|NODE_ENV$|FORCE_COLOR$|TEST$)/;

/** The environment for a process, with some variables on top. */
export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => kept.test(name) || !left.test(name));
  // npm's advice on its own configuration and updates is not what a worker prints.
  return {
    ...Object.fromEntries(own),
    NO_COLOR: '1',
    npm_config_loglevel: 'error',
    npm_config_update_notifier: 'false',
    ...more,
  };
}
