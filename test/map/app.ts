/** The app of the workers that run chunks. */
import { App } from 'dtask';
import { declare } from './tasks.js';

export const app = new App('map');
declare(app);
