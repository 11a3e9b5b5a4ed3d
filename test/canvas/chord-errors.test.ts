/** Chords that fail, on two worker processes: the rows of Celery's own suite on them. */
import { chain, chord, group, type GroupResult } from 'dtask';
import { describe, expect, it } from 'vitest';
import { rejection } from '../support/until.js';
import {
  add,
  asExpected,
  count,
  countFailure,
  echo,
  fail,
  failReplaced,
  gated,
  identity,
  noteFailure,
} from './tasks.js';
import { soon, troupe } from './troupe.js';

const times = <T>(n: number, x: T): T[] => Array.from({ length: n }, () => x);

/** Sends a canvas and checks that it ends with the failure of `fail`. */
async function expectFailure(canvas: { delay(): { get(options: typeof soon): Promise<unknown> } }) {
  expect(await rejection(canvas.delay().get(soon))).toMatchObject(asExpected);
}

describe('a chord that fails', () => {
  it('45: by a member of the group at its end raises the error of that member', async () => {
    await expectFailure(chain(add.s(1, 2), group(identity.s(), fail.s())));
    await expectFailure(chord([add.s(1, 2)], group(identity.s(), fail.s(), identity.s())));
  });

  it('47: by any task of a chain in its header or its body raises the error of that task', async () => {
    const good = identity.s(42);
    const same = identity.s();
    const chains = {
      head: chain(fail.s(), same, same),
      middle: chain(good, fail.s(), same),
      tail: chain(good, same, fail.s()),
    };
    for (const inHeader of Object.values(chains)) {
      await expectFailure(chord([inHeader, good], same));
      await expectFailure(chord([good, inHeader, good], same));
    }
    await expectFailure(chord([good], chain(fail.s(), same, same)));
    await expectFailure(chord([good], chain(same, fail.s(), same)));
    await expectFailure(chord([good], chain(same, same, fail.s())));
  });

  it('49: calls its errback once for a header of failures, and for each failure of a group behind it', async () => {
    const failing = group(times(42, fail.s()));
    await expectFailure(chord(failing, identity.s()).onError(count.si('49-header')));
    expect(await troupe.notes('49-header')).toHaveLength(1);
    await expectFailure(chord([identity.si(1)], failing).onError(count.si('49-body')));
    expect(await troupe.notes('49-body')).toHaveLength(42);
  });

  it('51: tells the errback of each failing member of its body the id of that member', async () => {
    const body = group(times(42, fail.s()));
    const canvas = chord([identity.si(1)], body).onError(noteFailure.s('51'));
    const result = await canvas.delay();
    expect(await rejection(result.get(soon))).toMatchObject(asExpected);
    const failure = { task: 'fail', error: 'ExpectedError', message: 'this was expected' };
    const expected = result.results.map(({ id }) => ({ id, ...failure }));
    const notes = (await troupe.notes('51')) as { id: string }[];
    const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
    expect(notes.sort(byId)).toEqual(expected.sort(byId));
  });

  it('53: calls an errback of its header for each member that fails, that of its body once, and no body', async () => {
    // What Celery has a flag for, task_allow_error_cb_on_chord_header, is said by where onError stands.
    const calls = { F: 1, FFF: 3, FS: 1, FSS: 1, FSF: 2, FSFS: 2, FSFSF: 3 };
    const counts: Record<string, unknown> = {};
    for (const members of Object.keys(calls)) {
      const parts = [...members].map((kind) => (kind === 'F' ? fail.s() : add.s(1, 1)));
      const header = group(parts).onError(countFailure.s(`53-header-${members}`));
      const body = echo.s(`53-${members}`).onError(countFailure.s(`53-body-${members}`));
      await expectFailure(chord(header, body));
      counts[members] = {
        header: (await troupe.notes(`53-header-${members}`)).length,
        body: (await troupe.notes(`53-body-${members}`)).length,
        ran: (await troupe.notes(`53-${members}`)).length,
      };
    }
    expect(counts).toEqual(
      Object.fromEntries(
        Object.entries(calls).map(([members, header]) => [members, { header, body: 1, ran: 0 }]),
      ),
    );
  });

  it('55: raises the original error whatever its body is, and wherever in its header it was', async () => {
    const ran = echo.s('55-ran');
    const bodies = [
      ran,
      chain(ran, identity.s()),
      group(ran, ran),
      chord([ran, ran], identity.s()),
    ];
    for (const body of bodies) await expectFailure(chord([identity.s(1), fail.s()], body));
    await expectFailure(chord([chain(fail.s(), identity.s()), identity.s(1)], ran));
    await expectFailure(
      chord([chain(identity.s(1), chain(fail.s(), identity.s()), identity.s())], ran),
    );
    expect(await troupe.notes('55-ran')).toEqual([]);
  });
});

describe('the errback of a chord', () => {
  it('is told which member of the header has failed', async () => {
    const canvas = chord([identity.s(1), fail.s(), identity.s(3)], identity.s());
    const result = await canvas.onError(noteFailure.s('which')).delay();
    expect(await rejection(result.get(soon))).toMatchObject(asExpected);
    const { results } = result.parent as GroupResult;
    expect(await troupe.notes('which')).toEqual([
      { id: results[1]!.id, task: 'fail', error: 'ExpectedError', message: 'this was expected' },
    ]);
  });

  it('is called once when the header fails, whatever the body is', async () => {
    const same = identity.s();
    const bodies = {
      task: same,
      chain: chain(same, same),
      chord: chord([same, same], same),
      'chain with a chord': chain(same, chord([same, same], same)),
    };
    const counts: Record<string, number> = {};
    for (const [kind, body] of Object.entries(bodies)) {
      const canvas = chord([identity.s(1), fail.s()], body);
      await expectFailure(canvas.onError(countFailure.s(`body-${kind}`)));
      counts[kind] = (await troupe.notes(`body-${kind}`)).length;
    }
    expect(counts).toEqual({ task: 1, chain: 1, chord: 1, 'chain with a chord': 1 });
  });

  it('is called once when the body fails, whatever the body is', async () => {
    const same = identity.s();
    const bodies = {
      task: fail.s(),
      head: chain(fail.s(), same),
      tail: chain(same, fail.s()),
      header: chord([fail.s(), same], same),
      body: chord([same, same], fail.s()),
    };
    const counts: Record<string, number> = {};
    for (const [kind, body] of Object.entries(bodies)) {
      const canvas = chord([identity.s(1)], body);
      await expectFailure(canvas.onError(countFailure.s(`failing-${kind}`)));
      counts[kind] = (await troupe.notes(`failing-${kind}`)).length;
    }
    expect(counts).toEqual({ task: 1, head: 1, tail: 1, header: 1, body: 1 });
  });

  it('is called once when the chord runs here and now as well', async () => {
    const heard: unknown[] = [];
    const listen = troupe.app.task('listen', (failure: unknown) => void heard.push(failure));
    const canvas = chord([identity.s(1), fail.s(), fail.s()], identity.s()).onError(listen.s());
    expect(await rejection(canvas.apply().get())).toMatchObject(asExpected);
    expect(heard).toEqual([expect.objectContaining({ task: 'fail' })]);
  });
});

describe('the header of a chord that fails', () => {
  it('runs to its end nevertheless', async () => {
    const members = [fail.s(), echo.si(1, 'rest'), echo.si(2, 'rest'), echo.si(3, 'rest')];
    await expectFailure(chord(members, identity.s()));
    expect(new Set(await troupe.notes('rest'))).toEqual(new Set([1, 2, 3]));
  });

  it('by a member that has expired fails the chord as revoked', async () => {
    const expires = new Date(Date.now() - 1_000);
    const header = [identity.s(1), identity.signature([2], { expires })];
    const result = await chord(header, identity.s()).delay();
    const error = await rejection(result.get(soon));
    expect(error).toMatchObject({ name: 'TaskRevokedError' });
    expect(error.message).toContain('expired');
  });

  it('by an unknown task fails the chord with that error', async () => {
    const header = [identity.s(1), troupe.app.signature('nowhere')];
    const error = await rejection(chord(header, identity.s()).delay().get(soon));
    expect(error).toMatchObject({ name: 'UnknownTaskError' });
  });

  it('by a replaced member that fails fails the chord', async () => {
    await expectFailure(chord([identity.s(1), failReplaced.s()], identity.s()));
  });

  it('by its revocation while it runs does not run its body', async () => {
    const result = await chord([gated.s('revoked', 1), identity.s(2)], echo.s('body')).delay();
    await troupe.trace.started('revoked');
    expect(await result.revoke()).toBe(true);
    troupe.trace.open('revoked');
    expect(await rejection(result.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
    expect(await troupe.notes('body')).toEqual([]);
  });

  it('by the revocation of a member fails the chord as revoked', async () => {
    const waiting = identity.signature([2], { countdown: '1h', queue: 'idle' });
    const result = await chord([identity.s(1), waiting], identity.s()).delay();
    const { results } = result.parent as GroupResult;
    expect(await results[1]!.revoke()).toBe(true);
    expect(await rejection(result.get(soon))).toMatchObject({ name: 'TaskRevokedError' });
  });
});
