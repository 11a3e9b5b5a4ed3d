import { mark } from './mark.js';

export class Base {
  title() {
    return this.constructor.name;
  }
  static kind() {
    return this.name;
  }
}
mark(Base.prototype, 'title', { name: 'base.title' });
mark(Base, 'kind', { name: 'base.kind' });

export class Daily extends Base {}
