import { mark } from './mark.js';

class Store {
  constructor(place) {
    this.place = place;
  }
  where() {
    return this.place;
  }
}
mark(Store.prototype, 'where', { name: 'store.where' });

export const north = new Store('north');
export const south = new Store('south');
