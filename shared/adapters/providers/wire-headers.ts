/** Response headers as undici gives them: lower-case names. */
export type WireHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** The header's first value, or `undefined` when it did not come. */
export function headerOf(headers: WireHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value[0] : value;
}
