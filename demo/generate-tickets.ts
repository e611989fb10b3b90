/** Writes examples/support-tickets.jsonl; the same bytes every time. `node demo/generate-tickets.ts` */

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ticketLines } from './tickets.ts';

const path = fileURLToPath(new URL('../examples/support-tickets.jsonl', import.meta.url));
writeFileSync(path, ticketLines().join('\n').concat('\n'));
