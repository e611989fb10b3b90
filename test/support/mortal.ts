/**
 * What a process that can be killed sees of the world. A kill is a promise that never settles: a
 * throw would run `finally` blocks that a killed process does not run, and hide the faults.
 */

const FOREVER = new Promise<never>(() => undefined);

/** One process. What it began before its end may still take effect; what comes after does not. */
export class Life {
  #isOver = false;
  readonly #watchers: (() => void)[] = [];
  #countdown = Number.POSITIVE_INFINITY;

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const watcher of this.#watchers) watcher();
  }

  /** Ends it right before its n-th call from here on to anything outside. */
  endAtCall(n: number): void {
    this.#countdown = n;
  }

  /** Calls back at the end; at once when that was before. */
  onEnd(watcher: () => void): void {
    if (this.#isOver) watcher();
    else this.#watchers.push(watcher);
  }

  /** An object through which only the living act, and learn what came of it. */
  guard<Target extends object>(target: Target): Target {
    return new Proxy(target, {
      get: (_, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => this.#call(() => Reflect.apply(member, target, args));
      },
    });
  }

  #call(act: () => unknown): unknown {
    if (this.#isOver) return FOREVER;
    this.#countdown -= 1;
    if (this.#countdown < 1) {
      this.end();
      return FOREVER;
    }
    const outcome = act();
    if (!(outcome instanceof Promise)) return outcome;
    return outcome.then(
      (value) => (this.#isOver ? FOREVER : value),
      (error: unknown) => (this.#isOver ? FOREVER : Promise.reject(error)),
    );
  }
}
