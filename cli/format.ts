/** Numbers as people read them. */

const MICRO_USD_PER_USD = 1_000_000;
const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `8,214` */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** `$0.0123`; what is less than a hundredth of a cent keeps six digits. */
export function formatUsd(microUsd: number): string {
  const usd = microUsd / MICRO_USD_PER_USD;
  const digits = microUsd > 0 && microUsd < 100 ? 6 : 4;
  return `$${usd.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

/** `850 ms`, `42 s`, `7 min 05 s`, `3 h 20 min`, `2 d 04 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${twoDigits(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${twoDigits(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${twoDigits(hours % 24)} h`;
}

/** `73 %` */
export function formatShare(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** `42/s`, `3.1/s` */
export function formatRate(perSecond: number): string {
  return `${perSecond < 10 ? perSecond.toFixed(1) : formatCount(perSecond)}/s`;
}

/** `12.4 MB` */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < BYTE_UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

/** `1 line`, `2 lines` */
export function formatQuantity(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
