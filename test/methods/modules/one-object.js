import { mark } from './mark.js';

/** None can be made without a place, so that the object is meant that is exported beside. */
export class Depot {
  constructor(place) {
    this.place = place;
  }
  where() {
    return this.place;
  }
}
mark(Depot.prototype, 'where', { name: 'depot.where' });

/** Its object comes before the class. */
export class Office extends Depot {
  constructor() {
    super('office');
  }
}

export const depot = new Depot('harbour');
