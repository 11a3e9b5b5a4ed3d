/** The app of the workers that run packs. */
import { App } from 'dtask';
import { isOpen, passGate } from '../fixtures/faults/trace.js';
import { declare } from './tasks.js';

export const app = new App('batch');
declare(app);
// A test may have those wait that load it from now on.
if (isOpen('hold-loads')) await passGate('loads');
