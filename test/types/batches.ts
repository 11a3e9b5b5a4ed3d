/** Types of tasks that take many calls at a time; checked by `npm run types`, never run. */
import { App, type BatchCall, chain, type Sent, taskOf } from 'dtask';

const app = new App('types');

/** Compiles only where both types are the same. */
function same<A, B>(
  _proof: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
): void {}

const embed = app.task(
  'embed',
  async (calls: readonly BatchCall<[text: string, size?: number]>[]) =>
    calls.map(({ args: [text] }): number[] | Error => (text ? [text.length] : new Error('empty'))),
  { batch: { gather: true, size: 8, wait: '5ms' } },
);
const total = app.task('total', (list: readonly number[]) => list.length);

class Models {
  @app.task({ name: 'models.embed', batch: { gather: true } })
  static embed(calls: readonly BatchCall<[text: string]>[]): Promise<(number[] | Error)[]> {
    return Promise.resolve(calls.map(({ id }) => [id.length]));
  }

  @app.task({ name: 'models.tick', batch: true })
  static tick(): number {
    return 1;
  }
}

/** A call takes what one call takes, and gives what one call gives. */
export function calls(): void {
  const sent = embed.delay('text');
  same<typeof sent, Sent<number[]>>(true);
  embed.delay('text', 3);
  embed.applyAsync(['text'], { countdown: '1s' });
  const link = chain(embed.s('text'), total.s());
  void link;
  // @ts-expect-error -- a call is no list of calls
  embed.delay([{ id: 'x', args: ['text'] }]);
  // @ts-expect-error -- of another type
  embed.delay(5);
  const direct = embed([]);
  same<typeof direct, Promise<(number[] | Error)[]>>(true);
}

/** The same of decorated methods. */
export function methods(): void {
  const sent = Models.embed.delay('text');
  same<typeof sent, Sent<number[]>>(true);
  // oxlint-disable-next-line typescript/unbound-method -- a task, which has its receiver
  const task = taskOf(Models.embed).delay('text');
  same<typeof task, Sent<number[]>>(true);
  void Models.embed.s('text');
  // @ts-expect-error -- of another type
  Models.embed.delay(5);
  const tick = Models.tick.delay();
  same<typeof tick, Sent<number>>(true);
  // @ts-expect-error -- it takes none
  Models.tick.delay(5);
}

/** Lists that are no lists of calls are arguments as ever. */
export function lists(): void {
  total.delay([1, 2]);
  // oxlint-disable-next-line typescript/no-explicit-any -- a parameter of any type
  const any = app.task('any', (_list: any) => 1);
  any.delay([1]);
  // oxlint-disable-next-line typescript/no-explicit-any -- a list of anything
  const anys = app.task('anys', (list: any[]) => list.length);
  const sent = anys.delay([1]);
  same<typeof sent, Sent<number>>(true);
  // @ts-expect-error -- no option of a packed task
  app.task('both', (x: number) => x, { batch: { gather: true, bytes: 5 } });
}
