/** Awaits nothing but `get()` on calls that fail, and says what it caught; Node ends it on an unhandled rejection. */
import { App } from 'dtask';

const [broker, prefix] = process.argv.slice(2);
const app = new App('caller', { broker, prefix });
const caught = [];
const note = (error) => caught.push(error.name);

await app.sendTask('always.fails').get({ timeout: '10s' }).catch(note);
await app
  .sendTask('any', [() => 1])
  .get({ timeout: '10s' })
  .catch(note);
await app.sendTask('any', [], { priority: 99 }).get({ timeout: '10s' }).catch(note);
await Promise.all([app.sendTask('always.fails').get(), app.sendTask('always.fails').get()]).catch(
  note,
);

const away = new App('away', { broker: 'redis://127.0.0.1:1', sendTimeout: 200 });
await away.sendTask('any').get().catch(note);
await app.sendTask('any', [], { queue: 'idle' }).get({ timeout: 50 }).catch(note);

// A rejection that nobody hears of would have come by now.
await new Promise((resolve) => setTimeout(resolve, 50));
console.log(JSON.stringify(caught));
await away.close();
await app.close();
