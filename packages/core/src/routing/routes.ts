/** The routes of an App: which queue a call goes to that names none. */
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import type { CallSettings } from '../protocol/call-settings.js';
import { isPromiseLike } from '../task/context.js';
import { isGlob } from '../glob.js';
import { matcher } from './pattern.js';
import { checkRoute, optionsOf, overRoute, type RouteMap, type Router } from './route.js';

/** What is known of a call when it is routed. */
interface RoutedCall {
  readonly name: string;
  readonly args: readonly unknown[];
  /** What the call and its task say. */
  readonly settings: () => CallSettings;
}

/** Gives a route, or nothing where it does not match. */
type Rule = (call: RoutedCall) => CallSettings | undefined;

/** Routes, checked. The first rule that matches decides. */
export class Routes {
  readonly #rules: readonly Rule[];

  /** @throws ConfigError which names the rule that is wrong */
  constructor(given: RouteMap) {
    this.#rules = rulesOf(given);
  }

  /**
   * What a task's calls say by default: what the task says, else what its route says.
   *
   * @throws ConfigError with the cause, where a function throws or gives what is no route
   */
  settle(
    name: string,
    args: readonly unknown[],
    task: CallSettings,
    call: CallSettings,
  ): CallSettings {
    const settings = (): CallSettings => ({ ...task, ...call });
    for (const rule of this.#rules) {
      const route = rule({ name, args, settings });
      if (route) return overRoute(route, task);
    }
    return task;
  }

  /** The queue that calls of a task go to, as far as that does not depend on their arguments. */
  queueOf(name: string, task: CallSettings): string | undefined {
    try {
      return this.settle(name, [], task, {}).queue;
    } catch {
      // A function that needs the arguments: what it says of a call is known when there is one.
      return task.queue;
    }
  }
}

function rulesOf(given: unknown): Rule[] {
  if (!Array.isArray(given)) return [ruleOf(given, 'routes')];
  return given.map((one: unknown, at) => {
    const what = `routes[${at}]`;
    return Array.isArray(one) ? pairRule(one, what) : ruleOf(one, what);
  });
}

function ruleOf(given: unknown, what: string): Rule {
  if (typeof given === 'function') return routerRule(given as Router, what);
  if (typeof given === 'object' && given !== null && !(given instanceof RegExp))
    return tableRule(given, what);
  throw new ConfigError(
    `${what} must be an object of names and globs, a function, or a list of those and of [pattern, route] pairs, got ${describe(given)}`,
  );
}

function tableRule(table: object, what: string): Rule {
  const exact = new Map<string, CallSettings>();
  const globs: Rule[] = [];
  for (const [pattern, route] of Object.entries(table)) {
    const settings = checkRoute(route, `${what}[${show(pattern)}]`);
    if (isGlob(pattern)) globs.push(patternRule(pattern, settings));
    else exact.set(pattern, settings);
  }
  return (call) => exact.get(call.name) ?? firstOf(globs, call);
}

function pairRule(pair: readonly unknown[], what: string): Rule {
  const [pattern, route] = pair;
  const named = typeof pattern === 'string' && pattern !== '';
  if (pair.length !== 2 || !(named || pattern instanceof RegExp)) {
    throw new ConfigError(
      `${what} must be a pair of a name, glob or regular expression and a route, got ${describe(pair)}`,
    );
  }
  return patternRule(pattern, checkRoute(route, what));
}

function patternRule(pattern: string | RegExp, settings: CallSettings): Rule {
  const matches = matcher(pattern);
  return ({ name }) => (matches(name) ? settings : undefined);
}

function routerRule(router: Router, what: string): Rule {
  const named = `${what}${router.name && router.name !== 'routes' ? ` (${router.name})` : ''}`;
  return ({ name, args, settings }) => {
    const route = ask(router, named, name, args, settings);
    if (route === undefined || route === null) return undefined;
    return checkRoute(route, `what ${named} gave for task ${name}`);
  };
}

function ask(
  router: Router,
  what: string,
  name: string,
  args: readonly unknown[],
  settings: () => CallSettings,
): unknown {
  let route: unknown;
  try {
    route = router(name, args, optionsOf(settings()));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`${what} threw for task ${name}: ${why}`, { cause });
  }
  if (!isPromiseLike(route)) return route;
  // What it rejects with is nobody's: it should not have been a promise.
  Promise.resolve(route).catch(() => undefined);
  throw new ConfigError(`${what} must not be async: it gave a promise for task ${name}`);
}

function firstOf(rules: readonly Rule[], call: RoutedCall): CallSettings | undefined {
  for (const rule of rules) {
    const route = rule(call);
    if (route) return route;
  }
  return undefined;
}

/** A regular expression is `{}` as JSON. */
const describe = (value: unknown): string =>
  value instanceof RegExp ? `the regular expression ${String(value)}` : show(value);
