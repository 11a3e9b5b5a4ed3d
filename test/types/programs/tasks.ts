/** The tasks that the programs of this folder call. */
import { App } from 'dtask';

export const app = new App('types');

export interface User {
  name: string;
  age: number;
}

export const add = app.task('math.add', (x: number, y: number): number => x + y);
export const double = app.task('math.double', (x: number): number => x * 2);
export const sum = app.task('math.sum', (numbers: readonly number[]): number =>
  numbers.reduce((a, b) => a + b, 0),
);
export const upper = app.task('text.upper', (text: string): string => text.toUpperCase());
export const length = app.task('text.length', async (text: string): Promise<number> => text.length);
export const ping = app.task('ping', (): void => undefined);
export const now = app.task('now', (): Date => new Date());
export const find = app.task('users.find', (name: string): User => ({ name, age: 1 }));
export const greet = app.task(
  'users.greet',
  (user: User, greeting?: string): string => `${greeting ?? 'Hello'} ${user.name}`,
);
export const report = app.task('report', (title: string, ...lines: string[]): string =>
  [title, ...lines].join('\n'),
);
