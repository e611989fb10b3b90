/** Runs as one short text: a store pays by the kilobyte. */

import type { Run, SliceRuns } from './slice-runs.ts';

const RADIX = 36;

/**
 * `<fence>|<owner>,<owner>|<run>;<run>`, numbers in base 36. A run is `from.length.owner.due.fence.attempts.first.n`
 * with empty fields for 0 (but for `from`), no owner and no first attempt, and none after the last
 * that says something; the last, `n`, is there where the run waits for a native batch.
 */
export function encodeRuns({ fence, runs }: SliceRuns): string {
  const owners: string[] = [];
  const texts = runs.map((run) => {
    let owner = '';
    if (run.owner !== null) {
      if (!owners.includes(run.owner)) owners.push(run.owner);
      owner = String(owners.indexOf(run.owner));
    }
    const first = run.firstAttemptAtMs === null ? '' : run.firstAttemptAtMs.toString(RADIX);
    const counts = [run.dueAtMs, run.fence, run.attempts].map(encodeNumber);
    const route = run.route === 'native' ? 'n' : '';
    return [
      run.from.toString(RADIX),
      encodeNumber(run.to - run.from),
      owner,
      ...counts,
      first,
      route,
    ]
      .join('.')
      .replace(/\.+$/, '');
  });
  return `${fence.toString(RADIX)}|${owners.map(encodeURIComponent).join(',')}|${texts.join(';')}`;
}

/** The state `encodeRuns` made the text of. */
export function decodeRuns(text: string): SliceRuns {
  const [fence = '', ownerList = '', runList = ''] = text.split('|');
  const owners = ownerList.split(',').map(decodeURIComponent);
  const runs = runList === '' ? [] : runList.split(';').map((run) => decodeRun(run, owners));
  return { fence: decodeNumber(fence), runs };
}

function decodeRun(text: string, owners: readonly string[]): Run {
  const [from, length, owner, due, fence, attempts, first, route] = text.split('.');
  const start = decodeNumber(from);
  return {
    from: start,
    to: start + decodeNumber(length),
    owner: owner ? (owners[Number(owner)] ?? null) : null,
    dueAtMs: decodeNumber(due),
    fence: decodeNumber(fence),
    attempts: decodeNumber(attempts),
    firstAttemptAtMs: first ? Number.parseInt(first, RADIX) : null,
    route: route === 'n' ? 'native' : 'sync',
  };
}

function encodeNumber(value: number): string {
  return value === 0 ? '' : value.toString(RADIX);
}

function decodeNumber(text: string | undefined): number {
  return text ? Number.parseInt(text, RADIX) : 0;
}
