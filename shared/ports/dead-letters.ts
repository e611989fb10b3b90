/** A message that no reader understood, kept for a person and for a later version that may. */
export interface DeadLetter {
  /** The message's own. */
  readonly id: string;
  /** As it was sent. Never logged: nobody knows what it holds. */
  readonly body: string;
  /** How often it was delivered in vain. */
  readonly receives: number;
  readonly sentAtMs: number;
  readonly recordedAtMs: number;
}

/** Where such messages are kept once their queue has given them up. */
export interface DeadLetterStore {
  /** Keeping the same message again changes nothing. */
  keep(letter: DeadLetter): Promise<void>;
  /** Up to `limit`, in no particular order. */
  list(limit: number): Promise<DeadLetter[]>;
  remove(id: string): Promise<void>;
}

/** The queue of bulk work, for messages that are not ours to read. */
export interface MessageReturn {
  /** Sends the body as it is. */
  sendBack(body: string): Promise<void>;
}
