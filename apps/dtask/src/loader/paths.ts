/**
 * Hooks behind the loader of TypeScript, which writes paths into URLs as they are: a `%`, `#` or `?` in a
 * folder's name would then mean something else.
 */
import { existsSync } from 'node:fs';
import type { LoadHook, ResolveHook } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const scheme = 'file://';

export const resolve: ResolveHook = (specifier, context, nextResolve) =>
  nextResolve(asUrl(specifier), context);

export const load: LoadHook = (url, context, nextLoad) => {
  // The loader takes it for the beginning of a query, sees no extension, and leaves the file as it is.
  if (url.startsWith(scheme) && /%3F.*\.[mc]?tsx?$/.test(url))
    throw new Error(
      `the path ${fileURLToPath(url)} has a question mark in it, behind which TypeScript is not loaded from its source; rename that folder or file, or compile the app and give the compiled module`,
    );
  return nextLoad(url, context);
};

/** A path behind the scheme as a URL; what is a URL already is left alone. */
function asUrl(specifier: string): string {
  if (!specifier.startsWith(scheme)) return specifier;
  const file = specifier.slice(scheme.length);
  return /[%#?\\\n\r\t]/.test(file) && existsSync(file) ? pathToFileURL(file).href : specifier;
}
