/** The tasks that the canvases of these files are made of, and the proof that two types are the same. */
import { App } from 'dtask';

/** Compiles only where both types are the same. */
export function same<A, B>(
  _proof: (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never,
): void {}

/** What a call takes that has all its arguments. */
export type Full = [nothing?: never];

export const app = new App('canvas');
export const add = app.task('add', (x: number, y: number) => x + y);
export const sum = app.task('sum', (values: readonly number[]) => values.length);
export const text = app.task('text', (x: number) => String(x));
export const size = app.task('size', async (value: string) => value.length);
export const label = app.task(
  'label',
  (count: number, unit: string, exact: boolean) => [count, unit, exact] as const,
);
export const now = app.task('now', () => 5);
export const drop = app.task('drop', (_value: number): void => undefined);

export class Shop {
  stock = 3;

  @app.task()
  static square(x: number): number {
    return x * x;
  }

  @app.task()
  static price(amount: number, currency?: string): string {
    return `${amount} ${currency ?? 'EUR'}`;
  }

  @app.task()
  static async total(prices: number[]): Promise<number> {
    return prices.length;
  }

  @app.task()
  static echo<T>(value: T): T {
    return value;
  }

  @app.task()
  static who(this: typeof Shop, greeting: string, name: string): string {
    return greeting + name + this.name;
  }

  @app.task()
  async take(count: number): Promise<number> {
    this.stock -= count;
    return this.stock;
  }
}
