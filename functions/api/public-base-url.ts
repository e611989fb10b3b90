import type { Context } from 'hono';
import { fieldOf } from '../../shared/contracts/config-variables.ts';

/** Where the caller called this server, without a slash at the end; `/v1` comes after it. */
export function publicBaseUrl({ req, env }: Context): string {
  const { origin, pathname } = new URL(req.url);
  // Behind API Gateway the path begins with a stage, which the app does not see.
  const whole = fieldOf(fieldOf(fieldOf(env, 'event'), 'requestContext'), 'path');
  const isLonger = typeof whole === 'string' && whole.endsWith(pathname);
  return `${origin}${isLonger ? whole.slice(0, whole.length - pathname.length) : ''}`;
}
