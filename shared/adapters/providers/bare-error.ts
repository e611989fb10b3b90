/** Our words for an error that came without any. */
export function describeBare(statusCode: number, text: string): string {
  const start = text
    .slice(0, 2_000)
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  const hint =
    statusCode === 404 || (statusCode >= 300 && statusCode < 400)
      ? '; if this goes on, check the baseUrl of the provider'
      : '';
  return `HTTP ${statusCode} without an error in JSON${hint}${start === '' ? '' : `: ${start.slice(0, 200)}`}`;
}
