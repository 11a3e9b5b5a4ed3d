/** `dtask report`: what to put into a bug report. */
import os from 'node:os';
import type { App } from '@dtask/core';
import { formatBytes, shownSettings } from '@dtask/core/internal';
import { Command } from 'commander';
import { onApp, withApp } from '../app-option.js';
import { print } from '../print.js';
import { version } from '../version.js';

/** Makes the command. */
export function reportCommand(): Command {
  return withApp(new Command('report'))
    .description('Print versions, settings and the state of Redis. Passwords are left out.')
    .action(({ app: spec, json }: { app?: string; json?: boolean }) =>
      onApp(spec, async (app) => {
        const facts = { ...machine(), ...settings(app), ...slots(app), ...(await redis(app)) };
        print(json, facts, () => lines(facts));
      }),
    );
}

function machine(): Record<string, string> {
  return {
    dtask: version,
    node: process.versions.node,
    platform: `${os.platform()} ${os.release()} ${os.arch()}`,
    machine: `${os.availableParallelism()} cores, ${formatBytes(os.totalmem())}`,
  };
}

function settings({ name, config, tasks }: App): Record<string, string> {
  const shown = Object.entries(shownSettings(config));
  return {
    app: name,
    ...Object.fromEntries(shown.map(([key, value]) => [key, String(value)])),
    tasks: tasks.names().join(', ') || '(none loaded)',
  };
}

/** Of a cluster: what keys begin with, and the slot that they are in. */
function slots({ queues }: App): Record<string, string> {
  const all = queues.shards.places.map(
    ({ prefix, slot }) => slot !== undefined && `${prefix} ${slot}`,
  );
  return all.includes(false) ? {} : { slots: all.join(', ') };
}

async function redis(app: App): Promise<Record<string, string>> {
  const info = await app.queues.server();
  const wanted = [
    'redis_version',
    'valkey_version',
    'used_memory_human',
    'maxmemory_policy',
    'aof_enabled',
    'connected_clients',
    'hz',
  ];
  return Object.fromEntries(
    wanted.filter((key) => key in info).map((key) => [`redis ${key}`, info[key] ?? '']),
  );
}

function lines(facts: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(facts).map((key) => key.length));
  return Object.entries(facts)
    .map(([key, value]) => `${key.padEnd(width)}  ${value}`)
    .join('\n');
}
