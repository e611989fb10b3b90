import type { PayloadPointer } from '../domain/requests/request.ts';

/**
 * Bodies and results, kept in append-only segments and addressed by pointer. Where segments are
 * objects in a shared store, what belongs to one tenant lies under a prefix of its own.
 */
export interface PayloadStore {
  /** Appends lines to a segment of our own. Durable on return; pointers index-aligned. */
  append(tenant: string, lines: readonly Uint8Array[]): Promise<PayloadPointer[]>;
  /** Reads what the pointers name, index-aligned. Neighbouring pointers cost one read. */
  read(pointers: readonly PayloadPointer[]): Promise<Uint8Array[]>;
}

/**
 * Answers on their way to being published. Written the moment they arrive, so that a process
 * killed right after loses nothing: what stands here and was not committed is adopted by the
 * next owner.
 */
export interface ResultLog {
  /**
   * Hands the line to the operating system at once (or to a buffer flushed within a second,
   * where every write is a network call) and resolves once it is durable.
   */
  append(tenant: string, line: Uint8Array): Promise<PayloadPointer>;
}
