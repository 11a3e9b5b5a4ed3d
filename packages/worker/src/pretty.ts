/** Log lines for people: time, level, task and id, message, and the user's part of a stack. */
import { createRequire } from 'node:module';
import { ownFrames } from '@dtask/core/internal';
import type * as Pretty from 'pino-pretty';

/** The fields of a line that take part in its message. */
interface Fields {
  readonly task?: string;
  readonly id?: string;
  readonly err?: { readonly stack?: string; readonly message?: string };
}

/** The stream that prints on a terminal, at once. */
export function pretty(): Pretty.PrettyStream {
  // Several workers may share a terminal.
  const { DTASK_PLACE: place } = process.env;
  const label = place === undefined ? '' : `${place} | `;
  // Where logs are JSON it is not loaded.
  const { PinoPretty } = createRequire(import.meta.url)('pino-pretty') as typeof Pretty;
  return PinoPretty({
    colorize: process.stdout.hasColors?.() ?? false,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,task,id,ms,err',
    singleLine: true,
    messageFormat: (line, key, _label, { colors }) => {
      const { task, id, err } = line as Fields;
      const { [key]: text = '' } = line as Record<string, string | undefined>;
      const head = task ? `${colors.cyan(`${task}[${id?.slice(0, 8) ?? ''}]`)} ` : '';
      const message =
        label +
        head +
        colors.reset(text) +
        (err ? `\n${ownFrames(err.stack ?? err.message ?? '')}` : '');
      return message.replaceAll('\n', '\n    ');
    },
    sync: true,
  });
}
