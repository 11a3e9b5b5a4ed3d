/** A process that calls dtask tasks. */
// @ts-check
import { paced, timed } from './pace.mjs';
import { serve } from './role.mjs';
import { app, echo } from './dtask-app.mjs';

serve({
  send: (count, width) => paced(count, width, (x) => echo.delay(x)),
  get: (count, width) => paced(count, width, (x) => echo.delay(x).get()),
  roundTrips: (count) => timed(count, (x) => echo.delay(x).get()),
  stop: () => app.close(),
});
