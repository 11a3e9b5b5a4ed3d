/** How many queues of workers wait for a job just now: each with a slot for it. */
import { stage } from './own-stage.js';

export async function waiting(): Promise<number> {
  const clients = String(await stage.redis.client('LIST')).split('\n');
  return clients.filter((one) => / flags=b .* cmd=bzpopmin /.test(one)).length;
}
