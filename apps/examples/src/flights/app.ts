/** The app that the demo's workers run: `dtask worker -A flights/app`. */
import { App } from 'dtask';
import { summarise } from './tasks.js';

// The demo sets DTASK_BROKER_URL to the address of the engine that it starts.
export const app = new App('flights', { tasks: [summarise] });

// The demo holds a channel to its workers. Killed itself, it cannot stop them: they see it closed.
process.once('disconnect', () => process.exit(1));
process.channel?.unref();
