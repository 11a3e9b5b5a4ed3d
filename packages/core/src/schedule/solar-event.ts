/** The events of the sun that there are. */
import type { SunTimes } from 'suncalc';

/** What the sun does, in Celery's words. */
export type SolarEvent =
  | 'dawn_astronomical'
  | 'dawn_nautical'
  | 'dawn_civil'
  | 'sunrise'
  | 'solar_noon'
  | 'sunset'
  | 'dusk_civil'
  | 'dusk_nautical'
  | 'dusk_astronomical';

/** suncalc's names: the sun's centre 18, 12 and 6 degrees, and its rim 34 minutes, below the horizon. */
export const solarEvents: Readonly<Record<SolarEvent, keyof SunTimes>> = {
  dawn_astronomical: 'nightEnd',
  dawn_nautical: 'nauticalDawn',
  dawn_civil: 'dawn',
  sunrise: 'sunrise',
  solar_noon: 'solarNoon',
  sunset: 'sunset',
  dusk_civil: 'dusk',
  dusk_nautical: 'nauticalDusk',
  dusk_astronomical: 'night',
};
