/**
 * Hands one listener's abort to many calls. Workers share one signal among thousands of calls, and
 * an `AbortSignal` removes a listener in time proportional to their number.
 */
export class AbortFanOut {
  private readonly groups = new WeakMap<AbortSignal, Set<() => void>>();

  /** Calls back on abort, until left by calling what is returned. */
  join(signal: AbortSignal, cancel: () => void): () => void {
    let group = this.groups.get(signal);
    if (group === undefined) {
      const members = new Set<() => void>();
      this.groups.set(signal, members);
      signal.addEventListener('abort', () => {
        for (const member of [...members]) member();
      });
      group = members;
    }
    const joined = group;
    joined.add(cancel);
    return () => joined.delete(cancel);
  }
}
