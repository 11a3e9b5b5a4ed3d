/** What a route says of the calls that it matches. */
import { refuseUnknown } from '../config/resolve.js';
import { show } from '../config/setting.js';
import { ConfigError } from '../errors.js';
import type { CallSettings } from '../protocol/call-settings.js';
import { callSettings } from '../task/call.js';
import type { CallOptions } from '../task/options.js';

/** The options that a route may give. Those that the worker knows from the task are not among them. */
export type RouteOptions = Pick<
  CallOptions,
  'queue' | 'priority' | 'countdown' | 'expires' | 'headers' | 'ignoreResult' | 'resultExpires'
>;

/** Where calls go: the name of a queue, or call options. */
export type Route = string | RouteOptions;

/**
 * Decides by code. It is asked for each call, so it has to be quick, and it is not async.
 *
 * @param name the task's name
 * @param args the call's arguments; of a step of a canvas, those that the step gives itself
 * @param options what the call and the task say; durations are in milliseconds
 * @returns nothing where it does not decide
 */
export type Router = (
  name: string,
  args: readonly unknown[],
  options: CallOptions,
) => Route | undefined | null;

/** Routes by name or glob. An exact name goes before the globs, which go in order. */
export type RouteTable = Readonly<Record<string, Route>>;

/** A route with its pattern, as a list holds it: a name, a glob or a regular expression. */
export type RouteRule = readonly [pattern: string | RegExp, route: Route];

/** How calls are routed that name no queue themselves, nor does their task. */
export type RouteMap = RouteTable | Router | readonly (RouteTable | Router | RouteRule)[];

const routeKeys = [
  'queue',
  'priority',
  'countdown',
  'expires',
  'headers',
  'ignoreResult',
  'resultExpires',
] as const satisfies readonly (keyof RouteOptions)[];

/**
 * Checks what a route says.
 *
 * @throws ConfigError which names the route
 */
export function checkRoute(route: unknown, what: string): CallSettings {
  if (typeof route !== 'string' && (typeof route !== 'object' || route === null)) {
    throw new ConfigError(
      `${what} must be the name of a queue or an object such as { queue: 'images' }, got ${show(route)}`,
    );
  }
  const options = typeof route === 'string' ? { queue: route } : route;
  refuseUnknown(options as Record<string, unknown>, routeKeys, what);
  try {
    return Object.freeze(callSettings(options));
  } catch (error) {
    throw new ConfigError(`${what}: ${(error as Error).message}`, { cause: error });
  }
}

/** Puts what a task says over what a route says. */
export function overRoute(route: CallSettings, task: CallSettings): CallSettings {
  const { expiresIn, expiresAt, countdown, ...rest } = route;
  const over: { -readonly [K in keyof CallSettings]: CallSettings[K] } = Object.assign(
    {},
    rest,
    task,
  );
  // A span and a date are two forms of one setting.
  if (task.expiresIn === undefined && task.expiresAt === undefined) {
    if (expiresIn !== undefined) over.expiresIn = expiresIn;
    if (expiresAt !== undefined) over.expiresAt = expiresAt;
  }
  if (task.eta === undefined && task.countdown === undefined && countdown !== undefined)
    over.countdown = countdown;
  if (rest.headers && task.headers) over.headers = { ...rest.headers, ...task.headers };
  return over;
}

/** Settings as the options that they were made of; spans are in milliseconds. */
export function optionsOf(settings: CallSettings): CallOptions {
  const { expiresIn, expiresAt, eta, retry: _retry, unique: _unique, ...same } = settings;
  const expires = expiresAt === undefined ? expiresIn : new Date(expiresAt);
  return {
    ...same,
    ...(eta !== undefined && { eta: new Date(eta) }),
    ...(expires !== undefined && { expires }),
  };
}
