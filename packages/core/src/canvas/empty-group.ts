/** The result of a group of nothing that belongs to no App. Its id says all that there is to know of it. */
import { randomUUID } from 'node:crypto';
import { GroupResult } from '../result/group-result.js';

const prefix = 'empty-group-';

/** Whether an id is that of such a group: there is nothing to look up. */
export const isEmptyGroup = (id: string): boolean => id.startsWith(prefix);

/** The result of one that is complete wherever it is; to save it takes no App. */
export const emptyGroupResult = (id = `${prefix}${randomUUID()}`): GroupResult =>
  new GroupResult(
    id,
    () => [],
    undefined,
    () => Promise.resolve(),
  );
