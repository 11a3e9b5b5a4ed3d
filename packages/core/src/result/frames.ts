/** Stacks as people want to read them. */

/** Frames of the machinery, which tell a reader nothing of what went wrong. Data keeps them. */
const machinery =
  /^\s+at .*(?:[\\/]node_modules[\\/](?:@dtask|dtask|bullmq)[\\/]|[\\/]packages[\\/](?:core|worker)[\\/]dist[\\/]|\(?node:|AsyncLocalStorage)/;

/** A stack without the frames of dtask and Node. */
export function ownFrames(stack: string): string {
  return stack
    .split('\n')
    .filter((frame) => !machinery.test(frame))
    .join('\n');
}
