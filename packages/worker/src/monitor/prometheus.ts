/** Metrics as text, by prom-client, where that is installed. */
import type * as PromClient from 'prom-client';
import type { Family } from './families.js';

type Client = typeof PromClient;

/** Writes metrics in Prometheus' text format. */
export class Prometheus {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Begins to look at the process, as {@link write} does when it is first asked. */
  prepare(): void {
    processRegistry(this.#client);
  }

  /** The content type of the text. */
  get contentType(): string {
    return this.#client.Registry.PROMETHEUS_CONTENT_TYPE;
  }

  /** The text of these metrics, and of what prom-client says of the process. */
  async write(families: readonly Family[]): Promise<string> {
    const registry = new this.#client.Registry();
    // They are numbers already; prom-client's own metrics would count them again.
    for (const family of families)
      registry.registerMetric({ ...family, get: () => family } as unknown as PromClient.Metric);
    const texts = await Promise.all([registry.metrics(), processRegistry(this.#client).metrics()]);
    return texts.join('\n');
  }
}

let ofProcess: PromClient.Registry | undefined;

/** One for all workers of a process, and apart from the one that the app's own metrics may be in. */
function processRegistry({ Registry: Made, collectDefaultMetrics }: Client): PromClient.Registry {
  if (!ofProcess) {
    ofProcess = new Made();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

/** What to say where it is missing. */
export const howToInstall =
  'metrics need prom-client, which is not installed: npm install prom-client';

/** Loads prom-client; gives nothing where it is not installed. */
export async function findPrometheus(): Promise<Prometheus | undefined> {
  try {
    return new Prometheus(await import('prom-client'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // What it needs itself may be missing too, which is another matter.
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes("'prom-client'")) return undefined;
    throw error;
  }
}
