import { App } from 'dtask';
import { Daily } from './two-classes.js';
import { south } from './two-objects.js';

export const app = new App('choosing', {
  prefix: 'choosing',
  include: ['two-classes.js', 'two-objects.js'],
  tasks: [south, new Daily()],
});
