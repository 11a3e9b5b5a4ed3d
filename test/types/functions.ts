/** Functions that are no tasks are typed as ever: what dtask declares on them changes nothing. */
import 'dtask';

/** Compiles only where both types are the same. */
function same<A, B>(
  _proof: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
): void {}

function scale(this: { factor: number }, x: number, label = 'x'): string {
  return `${label}${this.factor * x}`;
}
const plain = (x: number): number => x;
class Point {
  constructor(readonly x: number) {}
}

/** call, apply and bind check what they always checked. */
export function functions(): void {
  const self = { factor: 2 };
  const called = scale.call(self, 1);
  same<typeof called, string>(true);
  const applied = scale.apply(self, [1, 'y']);
  same<typeof applied, string>(true);
  const bound = scale.bind(self);
  same<typeof bound, (x: number, label?: string) => string>(true);
  const partly = plain.bind(null, 1);
  same<typeof partly, () => number>(true);
  same<Parameters<typeof plain>, [x: number]>(true);
  same<typeof plain.length, number>(true);
  same<typeof plain.name, string>(true);

  // @ts-expect-error -- call checks its arguments
  scale.call(self, '1');
  // @ts-expect-error -- call checks this
  scale.call({}, 1);
  // @ts-expect-error -- apply checks its arguments
  scale.apply(self, ['1']);
  // @ts-expect-error -- bind checks this
  scale.bind({ factor: 'two' });
  // @ts-expect-error -- functions have no such member
  plain.dealy(1);
}

/** Functions are assigned, passed and constructed as ever. */
export function uses(): void {
  const callback: (x: number) => unknown = plain;
  const any: Function = callback;
  void any;
  const mapped = [1, 2].map(plain);
  same<typeof mapped, number[]>(true);
  const point = Reflect.construct(Point, [1]) as Point;
  same<typeof point.x, number>(true);
  const record: Record<string, () => void> = { delay: () => undefined };
  void record['delay'];
  const own = Object.assign(() => 1, { delay: (ms: number) => ms, applyAsync: true as const });
  void own.delay(5).toFixed();
}
