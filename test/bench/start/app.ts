/** The app whose start is timed: it tells when its task ran. */
import { App } from 'dtask';

export const app = new App('first');

export const now = app.task('now', () => Date.now());
