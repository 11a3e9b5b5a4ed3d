/** The app of the workers that run canvases. */
import { App } from 'dtask';
import { tasks } from './tasks.js';

export const app = new App('canvas', { tasks });
