/**
 * A slice is the unit in which a queue carries requests and a store keeps their state: requests
 * of one model and priority that were submitted together. One message, one lease and one index
 * entry serve all of a slice, so that a million requests cost a few thousand of each.
 */

/** Where a request stands: its slice, and its position there from 0. */
export interface SlicePlace {
  readonly id: string;
  readonly index: number;
}

/** What decides which requests may share a slice, and in what order they stand in it. */
export interface Sliceable {
  readonly model: string;
  readonly priority: number;
  readonly groupOrder: number;
}

/** Few enough that one worker finishes a slice in one turn, enough to make its overhead small. */
export const MOST_REQUESTS_PER_SLICE = 250;

/**
 * Places for requests submitted together, index-aligned. The same requests under the same base
 * get the same places, so a call sent again names the same requests. Neighbours in `groupOrder`
 * stay neighbours.
 */
export function planSlices(
  base: string,
  items: readonly Sliceable[],
  mostPerSlice = MOST_REQUESTS_PER_SLICE,
): SlicePlace[] {
  const groups = new Map<string, number[]>();
  items.forEach(({ model, priority }, item) => {
    const key = `${priority}\n${model}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  });
  const orderOf = (item: number): number => items[item]?.groupOrder ?? 0;
  const places: SlicePlace[] = [];
  let slices = 0;
  for (const group of groups.values()) {
    group.sort((one, other) => orderOf(one) - orderOf(other) || one - other);
    group.forEach((item, position) => {
      const slice = slices + Math.floor(position / mostPerSlice);
      places[item] = { id: `${base}.${slice}`, index: position % mostPerSlice };
    });
    slices += Math.ceil(group.length / mostPerSlice);
  }
  return places;
}

/** The id of a request that has no key of its own; its place can be read from it. */
export function placedId({ id, index }: SlicePlace): string {
  return `${id}.${index}`;
}

const PLACED_ID = /^(.+\.\d{1,6})\.(\d{1,6})$/;

/** The place an id of `placedId` names, or `null` when it is any other id. */
export function placeOfId(id: string): SlicePlace | null {
  const [, slice, index] = PLACED_ID.exec(id) ?? [];
  return slice === undefined || index === undefined ? null : { id: slice, index: Number(index) };
}
