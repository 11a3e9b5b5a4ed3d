/** Values: what JSON cannot hold, and dtask carries both ways. */
import { App, EncodeError, task } from 'dtask';
import { startEmbedded } from 'dtask/embedded';
import { Worker } from 'dtask/worker';

interface Order {
  readonly placed: Date;
  readonly prices: Map<string, bigint>;
  readonly tags: Set<string>;
  readonly receipt: Buffer;
  readonly note: string | undefined;
}

/** Gets a Date, a Map, a Set and bytes, and gives some back. */
const close = task('order.close', (order: Order) => ({
  due: new Date(order.placed.getTime() + 14 * 24 * 3_600_000),
  total: [...order.prices.values()].reduce((sum, cents) => sum + cents, 0n),
  tags: new Set([...order.tags, 'closed']),
  receipt: Buffer.concat([order.receipt, Buffer.from(', paid')]),
  noted: order.note !== undefined,
}));

await using redis = await startEmbedded({ dir: false });
await using app = new App('shop', { broker: redis.url, tasks: [close] });
await using worker = new Worker(app, { logLevel: 'silent' });
await worker.start();

const order: Order = {
  placed: new Date('2026-01-31T12:00:00Z'),
  prices: new Map([
    ['tea', 450n],
    ['cups', 1_999n],
  ]),
  tags: new Set(['gift']),
  receipt: Buffer.from('receipt 17'),
  note: undefined,
};
const { due, total, tags, receipt, noted } = await close.delay(order).get({ timeout: '10s' });
console.log(
  'due',
  due.toISOString(),
  'total',
  total,
  'tags',
  tags,
  'receipt',
  receipt.toString(),
  'noted',
  noted,
);

// What cannot travel is refused here, by its path, before anything is sent.
class Customer {
  readonly name = 'Ann';
}
const wrong = { ...order, note: new Customer() as unknown as string };
await close.delay(wrong).catch((error: unknown) => {
  if (error instanceof EncodeError) console.log(error.code, error.message);
});
