/** A task module in TypeScript, with a decorator and its metadata, which no build has touched. */
import { task } from 'dtask';

export class Prices {
  @task({ name: 'modules.price' })
  static price(amount: number, currency = 'EUR'): string {
    return `${amount} ${currency}`;
  }
}
