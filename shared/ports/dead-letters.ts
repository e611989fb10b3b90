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

/** A message as its queue hands it out. */
export interface DeliveredMessage {
  /** Names the queue, as the event does. */
  readonly queueArn: string;
  readonly receiptHandle: string;
}

/**
 * Has messages that no reader understands delivered again at once, so that their queue gives them
 * up within seconds, and not after hours of waiting to be seen. Best effort; never rejects.
 */
export type ReleasePoison = (messages: readonly DeliveredMessage[]) => Promise<void>;
