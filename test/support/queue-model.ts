/**
 * An SQS standard queue on a clock of its own, kept to the rules in the facts on reliability
 * (section 1; row numbers in brackets). Emulators model none of them; what hides messages, burns
 * receive counts, delivers twice and forgets is here.
 */

import { createHash } from 'node:crypto';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Random } from '../../shared/ports/random.ts';

const MEBIBYTE = 1_048_576;
const SECOND_MS = 1_000;

/** One message, and everything sent in one call [1]. Unit: bytes. */
export const MOST_MESSAGE_BYTES = MEBIBYTE;
const MOST_ENTRIES = 10;
/** [2] */
const RETENTION_MS = { least: 60 * SECOND_MS, most: 1_209_600 * SECOND_MS, usual: 345_600_000 };
/** [3] */
const LONGEST_DELAY_MS = 900 * SECOND_MS;
/** [4] */
const LONGEST_INVISIBLE_MS = 43_200 * SECOND_MS;
/** [5] */
const MOST_IN_FLIGHT = 120_000;
/** Besides tab, line feed and carriage return, control characters are refused [6]. */
const ALLOWED_CONTROLS = '\t\n\r';
/** How far a message may be overtaken. */
const REORDERING_REACH = 50;
/** Length of a receipt handle, as SQS issues them. */
const RECEIPT_LENGTH = 184;

export interface QueueSettings {
  readonly name: string;
  readonly visibilityTimeoutMs: number;
  /** How long after it was sent a message is forgotten, wherever it is. Default 4 days. */
  readonly retentionMs?: number;
  readonly redrive?: { readonly target: QueueModel; readonly maxReceiveCount: number };
  /** Share of receives that leave the message visible to the next receiver as well [7]. */
  readonly duplicated?: number;
  /** Whether messages overtake one another, as in a standard queue they may [7]. */
  readonly reorders?: boolean;
}

/** A message as one receiver holds it. */
export interface ReceivedMessage {
  readonly id: string;
  readonly receipt: string;
  readonly body: string;
  readonly md5: string;
  readonly sentAtMs: number;
  readonly firstReceivedAtMs: number;
  readonly receiveCount: number;
}

/** What the queue was asked to do. Every call is billed, an empty receive too. */
export interface QueueCalls {
  send: number;
  receive: number;
  delete: number;
  changeVisibility: number;
}

interface Message {
  readonly id: string;
  readonly body: string;
  readonly sentAtMs: number;
  firstReceivedAtMs: number | null;
  receiveCount: number;
  /** The newest one; an older one deletes nothing. */
  receipt: string | null;
  /** Counts how often it was hidden. */
  hidings: number;
  isGone: boolean;
}

/** A message on its way back, unless it was hidden anew or deleted meanwhile. */
interface Return {
  readonly message: Message;
  readonly hiding: number;
  readonly atMs: number;
}

export class QueueModel {
  readonly settings: QueueSettings;
  readonly calls: QueueCalls = { send: 0, receive: 0, delete: 0, changeVisibility: 0 };
  /** Messages forgotten because they grew too old. */
  expired = 0;
  /** Messages moved to the dead-letter queue. */
  buried = 0;
  /** Receives beyond a message's first one. */
  redelivered = 0;
  /** Most receives any one message has seen. */
  peakReceiveCount = 0;
  private readonly clock: Clock;
  private readonly random: Random;
  private visible: Message[] = [];
  private head = 0;
  /** Soonest first. */
  private readonly hidden: Return[] = [];
  private readonly byReceipt = new Map<string, Message>();
  private readonly known = new Set<Message>();
  private readonly listeners: (() => void)[] = [];
  private hasAdopted = false;
  private sequence = 0;

  constructor(settings: QueueSettings, clock: Clock, random: Random) {
    const { visibilityTimeoutMs, retentionMs = RETENTION_MS.usual } = settings;
    within('visibility timeout', visibilityTimeoutMs, 0, LONGEST_INVISIBLE_MS);
    within('retention', retentionMs, RETENTION_MS.least, RETENTION_MS.most);
    this.settings = settings;
    this.clock = clock;
    this.random = random;
  }

  /** Messages it holds, visible or not. */
  get size(): number {
    this.turn();
    return this.known.size;
  }

  get inFlight(): number {
    return this.byReceipt.size;
  }

  /** Sends up to ten bodies in one call. @throws as SQS refuses the whole call. */
  send(bodies: readonly string[], delayMs = 0): string[] {
    if (bodies.length === 0 || bodies.length > MOST_ENTRIES) {
      throw new RangeError(`A call sends 1 to ${MOST_ENTRIES} messages, not ${bodies.length}`);
    }
    within('delay', delayMs, 0, LONGEST_DELAY_MS);
    const bytes = bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0);
    if (bytes > MOST_MESSAGE_BYTES) {
      throw new RangeError(`A call sends at most ${MOST_MESSAGE_BYTES} bytes, not ${bytes}`);
    }
    if (bodies.some((body) => body === '' || !isAllowed(body))) {
      throw new RangeError('A message is empty or holds a character that SQS refuses');
    }
    this.calls.send += 1;
    return bodies.map((body) => {
      const id = this.newId();
      this.keep(id, body, this.clock.nowMs(), delayMs);
      return id;
    });
  }

  /** Receives up to ten visible messages and hides them; one call, even when there is none. */
  receive(limit = MOST_ENTRIES): ReceivedMessage[] {
    this.calls.receive += 1;
    this.turn();
    const received: ReceivedMessage[] = [];
    while (received.length < Math.min(limit, MOST_ENTRIES) && this.inFlight < MOST_IN_FLIGHT) {
      const message = this.takeVisible();
      if (message === null) break;
      if (!this.bury(message)) received.push(this.hand(message));
    }
    return received;
  }

  /** Deletes up to ten in one call. A receipt that is not the newest deletes nothing, silently. */
  delete(receipts: readonly string[]): void {
    this.calls.delete += 1;
    for (const receipt of receipts) {
      const message = this.byReceipt.get(receipt);
      if (message !== undefined) this.forget(message);
    }
  }

  /** Moves the instant at which a message returns; void for a receipt that is not the newest. */
  changeVisibility(receipt: string, visibilityMs: number): void {
    within('visibility timeout', visibilityMs, 0, LONGEST_INVISIBLE_MS);
    this.calls.changeVisibility += 1;
    const message = this.byReceipt.get(receipt);
    if (message === undefined) return;
    this.hide(message, visibilityMs);
    this.notify();
  }

  /** Takes a message over from the queue it died in, with the instant it was first sent [9]. */
  adopt(id: string, body: string, sentAtMs: number): void {
    this.hasAdopted = true;
    this.keep(id, body, sentAtMs, 0);
  }

  /** Sends everything back as new messages, as a redrive does [11]; returns how many. */
  redriveTo(target: QueueModel): number {
    this.turn();
    const bodies: string[] = [];
    for (let message = this.takeVisible(); message !== null; message = this.takeVisible()) {
      bodies.push(message.body);
      this.forget(message);
    }
    for (const body of bodies) target.adopt(this.newId(), body, this.clock.nowMs());
    return bodies.length;
  }

  /** When the next message becomes visible: now, later, or never as things stand. Unit: ms. */
  nextVisibleAtMs(): number {
    this.turn();
    return this.head < this.visible.length
      ? this.clock.nowMs()
      : (this.hidden[0]?.atMs ?? Number.POSITIVE_INFINITY);
  }

  /** Calls back whenever a message may be visible sooner than was known. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Lets time have its effect: shows what was hidden long enough, forgets what is too old. */
  private turn(): void {
    const nowMs = this.clock.nowMs();
    let due = 0;
    for (; (this.hidden[due]?.atMs ?? Number.POSITIVE_INFINITY) <= nowMs; due += 1) {
      const { message, hiding } = this.hidden[due] as Return;
      if (message.isGone || message.hidings !== hiding) continue;
      if (message.receipt !== null) this.byReceipt.delete(message.receipt);
      this.visible.push(message);
    }
    if (due > 0) this.hidden.splice(0, due);
    const oldestMs = nowMs - (this.settings.retentionMs ?? RETENTION_MS.usual);
    for (const message of this.known) {
      // Arrival is the order of sending, but in a dead-letter queue.
      if (message.sentAtMs > oldestMs && !this.hasAdopted) break;
      if (message.sentAtMs > oldestMs) continue;
      this.forget(message);
      this.expired += 1;
    }
  }

  private takeVisible(): Message | null {
    while (this.head < this.visible.length) {
      const reach = Math.min(REORDERING_REACH, this.visible.length - this.head);
      const chosen = this.head + (this.settings.reorders ? this.draw(reach) : 0);
      const message = this.visible[chosen] as Message;
      this.visible[chosen] = this.visible[this.head] as Message;
      this.head += 1;
      if (!message.isGone) return message;
    }
    this.visible = [];
    this.head = 0;
    return null;
  }

  private hand(message: Message): ReceivedMessage {
    message.firstReceivedAtMs ??= this.clock.nowMs();
    message.receiveCount += 1;
    if (message.receiveCount > 1) this.redelivered += 1;
    this.peakReceiveCount = Math.max(this.peakReceiveCount, message.receiveCount);
    if (message.receipt !== null) this.byReceipt.delete(message.receipt);
    const receipt = this.newId().padEnd(RECEIPT_LENGTH, '=');
    message.receipt = receipt;
    this.byReceipt.set(receipt, message);
    this.hide(message, this.settings.visibilityTimeoutMs);
    if (this.random.next() < (this.settings.duplicated ?? 0)) this.visible.push(message);
    return {
      id: message.id,
      receipt,
      body: message.body,
      md5: createHash('md5').update(message.body).digest('hex'),
      sentAtMs: message.sentAtMs,
      firstReceivedAtMs: message.firstReceivedAtMs,
      receiveCount: message.receiveCount,
    };
  }

  private bury(message: Message): boolean {
    const { redrive } = this.settings;
    if (redrive === undefined || message.receiveCount < redrive.maxReceiveCount) return false;
    this.forget(message);
    this.buried += 1;
    redrive.target.adopt(message.id, message.body, message.sentAtMs);
    return true;
  }

  private keep(id: string, body: string, sentAtMs: number, delayMs: number): void {
    const message: Message = {
      id,
      body,
      sentAtMs,
      firstReceivedAtMs: null,
      receiveCount: 0,
      receipt: null,
      hidings: 0,
      isGone: false,
    };
    this.known.add(message);
    if (delayMs > 0) this.hide(message, delayMs);
    else this.visible.push(message);
    this.notify();
  }

  private hide(message: Message, forMs: number): void {
    const nowMs = this.clock.nowMs();
    const capMs = (message.firstReceivedAtMs ?? nowMs) + LONGEST_INVISIBLE_MS;
    const atMs = Math.min(nowMs + forMs, capMs);
    let index = this.hidden.length;
    while (index > 0 && (this.hidden[index - 1] as Return).atMs > atMs) index -= 1;
    message.hidings += 1;
    this.hidden.splice(index, 0, { message, hiding: message.hidings, atMs });
  }

  private forget(message: Message): void {
    message.isGone = true;
    this.known.delete(message);
    if (message.receipt !== null) this.byReceipt.delete(message.receipt);
  }

  private notify(): void {
    for (const listener of this.listeners) listener();
  }

  private draw(below: number): number {
    return Math.floor(this.random.next() * below);
  }

  private newId(): string {
    this.sequence += 1;
    const number = this.sequence.toString(16).padStart(12, '0');
    return `00000000-0000-4000-8000-${number}`;
  }
}

function within(what: string, valueMs: number, leastMs: number, mostMs: number): void {
  if (valueMs >= leastMs && valueMs <= mostMs) return;
  throw new RangeError(`The ${what} is ${leastMs} to ${mostMs} ms, not ${valueMs}`);
}

/** JSON.stringify escapes not all of what SQS refuses: U+FFFE and U+FFFF pass it [6]. */
function isAllowed(body: string): boolean {
  for (const character of body) {
    const code = character.codePointAt(0) ?? 0;
    const isLoneSurrogate = code >= 0xd800 && code <= 0xdfff;
    if (isLoneSurrogate || code === 0xfffe || code === 0xffff) return false;
    if (code < 0x20 && !ALLOWED_CONTROLS.includes(character)) return false;
  }
  return true;
}
