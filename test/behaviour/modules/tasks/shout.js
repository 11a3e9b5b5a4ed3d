/** A compiled task module that exports a class. */
import { task } from 'dtask';

export class Voice {
  volume = 3;
  shout(word) {
    return word + '!'.repeat(this.volume);
  }
}
Object.defineProperty(
  Voice.prototype,
  'shout',
  task({ name: 'modules.shout' })(
    Voice.prototype,
    'shout',
    Object.getOwnPropertyDescriptor(Voice.prototype, 'shout'),
  ),
);
