import { compareText, type Item } from './expressions.ts';

interface Entry {
  readonly order: string;
  readonly item: Item;
}

/** Items of one partition in the order of a key. */
export class SortedItems {
  private readonly items = new Map<string, Item>();
  private sorted: Entry[] | null = [];

  get size(): number {
    return this.items.size;
  }

  get(order: string): Item | null {
    return this.items.get(order) ?? null;
  }

  set(order: string, item: Item): void {
    const isNew = !this.items.has(order);
    this.items.set(order, item);
    const last = this.sorted?.at(-1);
    const isNext = isNew && (last === undefined || compareText(last.order, order) < 0);
    if (isNext && this.sorted !== null) this.sorted.push({ order, item });
    else this.sorted = null;
  }

  delete(order: string): void {
    if (this.items.delete(order)) this.sorted = null;
  }

  entries(): readonly Entry[] {
    this.sorted ??= [...this.items]
      .map(([order, item]) => ({ order, item }))
      .sort((one, other) => compareText(one.order, other.order));
    return this.sorted;
  }
}
