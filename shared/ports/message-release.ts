/** Messages that were received and cannot be read. */
export interface MessageRelease {
  /**
   * Lets the message be received again at once. Without it each vain receive would hide the message
   * for as long as a whole dispatch may take, and its dead-letter queue would be hours away. Never
   * rejects: left hidden, the message takes that longer way.
   */
  release(message: { readonly queueArn: string; readonly receipt: string }): Promise<void>;
}
