import cliProgress from 'cli-progress';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  formatUsd,
} from '../format.ts';
import type { Terminal } from '../terminal.ts';
import type { ProgressSnapshot } from './progress-snapshot.ts';

/** How progress is shown; every view may be told as often as one likes. */
export interface ProgressView {
  validating(readBytes: number, totalBytes: number, rejected: number): void;
  submitting(lines: number, totalLines: number): void;
  fetching(lines: number, totalLines: number): void;
  running(snapshot: ProgressSnapshot): void;
  /** A sentence between, e.g. what Ctrl-C began. */
  say(sentence: string): void;
  end(): void;
}

/** Between two lines where there is no terminal to draw a bar on. Unit: ms. */
const LINE_EVERY_MS = 5_000;
const FRAMES_PER_SECOND = 5;

/** A bar on a terminal, lines elsewhere, nothing when quiet. */
export function createProgressView(terminal: Terminal, isQuiet: boolean): ProgressView {
  if (isQuiet) {
    return {
      validating: nothing,
      submitting: nothing,
      fetching: nothing,
      running: nothing,
      say: terminal.note,
      end: nothing,
    };
  }
  return terminal.isInteractive ? barView(terminal) : lineView(terminal);
}

function nothing(): void {}

function lineView(terminal: Terminal): ProgressView {
  let saidAtMs = terminal.clock.nowMs();
  const sayWhenDue = (line: () => string): void => {
    const nowMs = terminal.clock.nowMs();
    if (nowMs - saidAtMs < LINE_EVERY_MS) return;
    saidAtMs = nowMs;
    terminal.note(line());
  };
  return {
    validating: (...progress) => sayWhenDue(() => validatingText(...progress)),
    submitting: (...lines) => sayWhenDue(() => movingText('submitting', ...lines)),
    fetching: (...lines) => sayWhenDue(() => movingText('fetching', ...lines)),
    running: (snapshot) =>
      sayWhenDue(
        () =>
          `${formatCount(snapshot.done)}/${formatCount(snapshot.total)} ${runningText(snapshot)}`,
      ),
    say: terminal.note,
    end: nothing,
  };
}

function barView(terminal: Terminal): ProgressView {
  const bar = new cliProgress.SingleBar({
    stream: terminal.stderr,
    format: '{bar} {done} {text}',
    barsize: 20,
    fps: FRAMES_PER_SECOND,
    hideCursor: true,
    linewrap: false,
    clearOnComplete: true,
    stopOnComplete: false,
    gracefulExit: false,
    barCompleteChar: '█',
    barIncompleteChar: '░',
  });
  let isDrawn = false;
  const draw = (value: number, total: number, done: string, text: string): void => {
    if (!isDrawn) bar.start(total, value, { done, text });
    isDrawn = true;
    bar.setTotal(total);
    bar.update(value, { done, text });
  };
  const clear = (): void => {
    if (isDrawn) bar.stop();
    isDrawn = false;
  };
  return {
    validating: (readBytes, totalBytes, rejected) =>
      draw(readBytes, totalBytes, '', validatingText(readBytes, totalBytes, rejected)),
    submitting: (lines, totalLines) =>
      draw(lines, totalLines, '', movingText('submitting', lines, totalLines)),
    fetching: (lines, totalLines) =>
      draw(lines, totalLines, '', movingText('fetching', lines, totalLines)),
    running: (snapshot) =>
      draw(
        snapshot.done,
        snapshot.total,
        `${formatCount(snapshot.done)}/${formatCount(snapshot.total)}`,
        runningText(snapshot),
      ),
    say: (sentence) => {
      clear();
      terminal.note(sentence);
    },
    end: clear,
  };
}

function validatingText(readBytes: number, totalBytes: number, rejected: number): string {
  const bad = rejected === 0 ? '' : `, ${formatCount(rejected)} bad`;
  return `validating ${formatBytes(readBytes)} of ${formatBytes(totalBytes)}${bad}`;
}

function movingText(verb: string, lines: number, totalLines: number): string {
  return `${verb} ${formatCount(lines)} of ${formatCount(totalLines)}`;
}

function runningText(snapshot: ProgressSnapshot): string {
  const { perSecond, etaMs, limit, costMicroUsd, projectedMicroUsd } = snapshot;
  // While all that is open waits in batches, they are what there is to tell.
  const isQuiet = snapshot.batches !== null && snapshot.inFlight === 0;
  const parts = [
    isQuiet ? (snapshot.batches ?? '') : '',
    isQuiet && perSecond === 0 ? '' : formatRate(perSecond),
    etaMs === null || snapshot.done === snapshot.total ? '' : `ETA ${formatDuration(etaMs)}`,
    projectedMicroUsd === null || projectedMicroUsd <= costMicroUsd
      ? formatUsd(costMicroUsd)
      : `${formatUsd(costMicroUsd)} of ~${formatUsd(projectedMicroUsd)}`,
    limit === null ? '' : `${limit.name} ${formatShare(limit.used)}`,
    snapshot.throttled === null || (isQuiet && snapshot.throttled === 0)
      ? ''
      : `429s ${formatCount(snapshot.throttled)}`,
    snapshot.retried === 0 ? '' : `retried ${formatCount(snapshot.retried)}`,
    snapshot.failed === 0 ? '' : `failed ${formatCount(snapshot.failed)}`,
    isQuiet ? '' : (snapshot.batches ?? ''),
    snapshot.waitingFor === null ? '' : `waiting: ${snapshot.waitingFor}`,
  ];
  return parts.filter((part) => part !== '').join('  ');
}
