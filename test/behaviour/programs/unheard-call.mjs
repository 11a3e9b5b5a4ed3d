/** Makes a call that cannot be sent, and looks at nothing: Node must hear of it. */
import { App } from 'dtask';

const app = new App('caller', { broker: 'redis://127.0.0.1:1' });
process.on('unhandledRejection', (error) => console.log(`unhandled ${error.code}`));
app.sendTask('any', [Symbol('x')]);
