/**
 * The API key a call carries, in `Authorization: Bearer` or `x-api-key`, as OpenAI's and
 * Anthropic's SDKs send it; `null` when it carries none. `header` takes names in lower case.
 */
export function presentedKey(header: (name: string) => string | null | undefined): string | null {
  const bearer = /^Bearer +([!-~]+) *$/i.exec(header('authorization') ?? '')?.[1];
  return bearer ?? header('x-api-key') ?? null;
}
