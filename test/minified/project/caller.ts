/** Calls tasks by their names and prints, as JSON, what it can tell of each end. */
import * as dtask from 'dtask';

const { App, DtaskError, TaskFailedError } = dtask;
const app = new App('caller');
const names = process.argv.slice(2);

/** Which of the classes that dtask exports an error is an instance of. */
const classesOf = (error: unknown): string[] =>
  Object.entries(dtask)
    .filter(([, kind]) => typeof kind === 'function' && kind.prototype instanceof Error)
    .filter(([, kind]) => error instanceof (kind as unknown as typeof Error))
    .map(([name]) => name)
    .sort();

const tell = (error: unknown): object => {
  if (!(error instanceof DtaskError)) return { odd: String(error) };
  const { name, code, cause } = error;
  return {
    name,
    code,
    classes: classesOf(error),
    ...(error instanceof TaskFailedError && { errorName: error.errorName }),
    ...(cause instanceof Error && { cause: [cause.name, (cause as { code?: unknown }).code] }),
  };
};

const told: Record<string, unknown> = {};
for (const name of names) {
  try {
    told[name] =
      (await app
        .sendTask(name, name === 'math.cube' ? [2] : name === 'arguments' ? [1] : [])
        .get({ timeout: '10s' })) ?? 'nothing';
  } catch (error) {
    told[name] = tell(error);
  }
}
const revoked = await app.sendTask('math.cube', [1], { countdown: '1h' });
await revoked.revoke();
told['revoked'] = await revoked.get({ timeout: '10s' }).catch(tell);
const late = await app.sendTask('math.cube', [1], { countdown: '1h' });
told['timeout'] = await late.get({ timeout: 1 }).catch(tell);
await late.revoke();
try {
  new App('caller', { prefx: 'x' } as object);
} catch (error) {
  told['config'] = tell(error);
}
console.log(JSON.stringify(told));
await app.close();
