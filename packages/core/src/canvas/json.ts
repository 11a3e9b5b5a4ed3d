/** A canvas as JSON, for a file or another process: no ids but those that were given. */
import { ConfigError } from '../errors.js';
import { show } from '../config/setting.js';
import type { JsonValue } from '../codec/index.js';
import type { CallSettings } from '../protocol/call-settings.js';
import { decodeArgs, decodeOptions, encodeArgs, encodeOptions } from '../protocol/step.js';
import { checkName } from '../task/definition.js';
import { chainOf, groupOf, type Node } from './tree.js';

/** What `JSON.stringify(canvas)` writes. */
export type CanvasJson =
  | {
      readonly task: string;
      readonly args?: readonly JsonValue[];
      readonly immutable?: true;
      readonly options?: CallSettings;
      readonly link?: readonly CanvasJson[];
      readonly linkError?: readonly CanvasJson[];
    }
  | { readonly chain: readonly CanvasJson[] }
  | { readonly group: readonly CanvasJson[] };

export function nodeToJson(node: Node): CanvasJson {
  if (node.kind === 'chain') return { chain: node.parts.map(nodeToJson) };
  if (node.kind === 'group') return { group: node.parts.map(nodeToJson) };
  const { task, args, immutable, options, link, linkError } = node;
  return {
    task,
    ...(args.length > 0 && { args: encodeArgs(args) }),
    ...(immutable && { immutable }),
    ...(Object.keys(options).length > 0 && { options: encodeOptions(options) }),
    ...(link.length > 0 && { link: link.map(nodeToJson) }),
    ...(linkError.length > 0 && { linkError: linkError.map(nodeToJson) }),
  };
}

/** @throws ConfigError when it is not a canvas' JSON */
export function nodeFromJson(json: CanvasJson): Node {
  if (typeof json !== 'object' || json === null) throw notCanvas(json);
  if ('chain' in json) return chainOf(listOf(json.chain).map(nodeFromJson));
  if ('group' in json) return groupOf(listOf(json.group).map(nodeFromJson));
  if (!('task' in json)) throw notCanvas(json);
  const { task, args = [], immutable = false, options, link = [], linkError = [] } = json;
  checkName(task);
  return {
    kind: 'task',
    task,
    args: decodeArgs(listOf(args)),
    immutable,
    options: decodeOptions(options),
    link: listOf(link).map(nodeFromJson),
    linkError: listOf(linkError).map(nodeFromJson),
  };
}

function listOf<T>(value: readonly T[]): readonly T[] {
  if (Array.isArray(value)) return value;
  throw notCanvas(value);
}

const notCanvas = (value: unknown): ConfigError =>
  new ConfigError(
    `the JSON of a canvas is an object with "task", "chain" or "group", got ${show(value)}`,
  );
