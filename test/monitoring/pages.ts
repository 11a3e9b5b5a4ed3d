/** Asks the pages of a worker over HTTP. */
import type { Worker } from 'dtask/worker';

/** The address of a page. */
export function pageOf(worker: Worker, path: string): string {
  if (worker.httpAddress === undefined) throw new Error('the worker has no HTTP port');
  return `${worker.httpAddress}${path}`;
}

/** What `/readyz` says. */
export interface ReadyPage {
  readonly status: number;
  readonly reason: string | undefined;
}

/** Asks whether a worker is ready. */
export async function readyOf(worker: Worker): Promise<ReadyPage> {
  const response = await fetch(pageOf(worker, '/readyz'));
  const { ready, reason } = (await response.json()) as { ready: boolean; reason?: string };
  if (ready !== (response.status === 200)) throw new Error(`status ${response.status} lies`);
  return { status: response.status, reason };
}

/** Lines of metrics, by name and labels as they are written. */
export function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([a-zA-Z_:][\w:]*(?:\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})?) (\S+)$/.exec(line);
    if (!match) throw new Error(`not a line of Prometheus' text format: ${line}`);
    const [, key = '', value] = match;
    if (samples.has(key)) throw new Error(`twice: ${key}`);
    samples.set(key, value === '+Inf' ? Infinity : Number(value));
  }
  return samples;
}
