/** Names of tasks that a build seems to have shortened: callers that are built apart then know others. */
import type { App } from '@dtask/core';

const shortened = /^[\w$]{1,2}(?:\.|$)/;
const remedy =
  "give tasks names of their own, app.task('name', fn) or @app.task({ name }), or have the build keep names";

/** Whether a name looks like what a minifier makes of a function's or a class's. */
export const looksShortened = (name: string): boolean => shortened.test(name);

/** What is to be said of an unknown name that looks so; else nothing. */
export const shortNameHint = (name: string): string =>
  looksShortened(name) ? ` Its name may be one that a minifier made: ${remedy}.` : '';

/** What a worker is to say of its tasks when it starts. */
export function shortNames({ tasks }: App): string[] {
  const names = tasks
    .names()
    .filter((name) => looksShortened(name) && tasks.definition(name)?.isNameDerived);
  if (names.length === 0) return [];
  return [
    `the names of these tasks come from functions or classes that a minifier seems to have shortened, so callers may know them by others: ${names.join(', ')}; ${remedy}`,
  ];
}
