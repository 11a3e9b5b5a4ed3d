/** Log lines for people: time, level, task and id, message. */
import { PinoPretty, type PrettyStream } from 'pino-pretty';

/** The stream that prints on a terminal, at once. */
export function pretty(): PrettyStream {
  return PinoPretty({
    colorize: process.stdout.hasColors?.() ?? false,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname,task,id,ms',
    messageFormat: (log, key) => {
      const { task, id, [key]: text = '' } = log as Record<string, string | undefined>;
      return task ? `${task}[${id?.slice(0, 8) ?? ''}] ${text}` : text;
    },
    sync: true,
  });
}
