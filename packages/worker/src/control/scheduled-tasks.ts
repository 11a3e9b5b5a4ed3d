/** The tasks of queues that wait for their time. */
import type { ScheduledTask } from '@dtask/core';
import { briefArgs, bullQueueName, decodeMessage, jobKey, shownQueue } from '@dtask/core/internal';
import type { Link } from '../links.js';

/** Most that are shown. */
const most = 100;
/** BullMQ keeps a job's due time times this, so that those of one millisecond have an order. */
const scale = 0x1000;

/** A queue on one server: of a broadcast queue, the worker's own. */
export interface QueuePart {
  readonly link: Link;
  readonly queue: string;
}

/** Reads the next tasks of some queues that are due, the soonest first, on the servers that are there. */
export async function scheduledTasks(parts: readonly QueuePart[]): Promise<ScheduledTask[]> {
  const there = parts.filter(({ link }) => link.connection.status === 'ready');
  const all = await Promise.all(there.map(dueIn));
  const soonest = all
    .flat()
    .sort((one, other) => one.due - other.due)
    .slice(0, most);
  return Promise.all(
    soonest.map(async ({ link: { connection, prefix }, id, queue, due }) => {
      const fields = ['name', 'data', 'priority', 'atm'] as const;
      const [name, data, priority, attempts] = await connection.hmget(
        jobKey(prefix, queue, id),
        ...fields,
      );
      const args = argsOf(id, name, data);
      const retries = Number(attempts ?? 0);
      const request = { id, name: name ?? '', queue: shownQueue(queue), args, retries };
      return { eta: new Date(due).toISOString(), priority: Number(priority ?? 0), request };
    }),
  );
}

interface Due extends QueuePart {
  readonly id: string;
  readonly due: number;
}

async function dueIn({ link, queue }: QueuePart): Promise<Due[]> {
  const { connection, prefix } = link;
  const key = `${prefix}:${bullQueueName(queue)}:delayed`;
  const found = await connection.zrange(key, 0, most - 1, 'WITHSCORES');
  const tasks: Due[] = [];
  for (let at = 0; at + 1 < found.length; at += 2) {
    const due = Math.floor(Number(found[at + 1]) / scale);
    tasks.push({ link, id: found[at] ?? '', queue, due });
  }
  return tasks;
}

function argsOf(id: string, name: unknown, data: string | null | undefined): string {
  try {
    return briefArgs(decodeMessage(id, name, JSON.parse(data ?? '')).args);
  } catch {
    // It is refused when its time comes.
    return '';
  }
}
