/** The app of the workers that run packs. */
import { App } from 'dtask';
import { declare } from './tasks.js';

export const app = new App('batch');
declare(app);
