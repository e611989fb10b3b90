import { seededDraws } from '../bench/seeded.ts';
import { TICKET_INSTRUCTIONS } from '../bench/ticket-instructions.ts';
import { ticketText } from '../bench/ticket-text.ts';

export const TICKET_MODEL = 'gpt-4o-mini';
const TICKETS = 360;
const SEED = 20_261_124;
const FIRST_NUMBER = 48_201;

/** The shape asked for, so that an answer can be used without reading it. */
const TRIAGE_SCHEMA = {
  type: 'object',
  properties: {
    category: {
      type: 'string',
      enum: [
        'billing',
        'access',
        'calendar',
        'invoicing',
        'integrations',
        'data_export',
        'performance',
        'mobile',
        'cancellation',
        'feature_request',
        'security',
        'other',
      ],
    },
    urgency: { type: 'string', enum: ['low', 'normal', 'high', 'critical'] },
    sentiment: { type: 'string', enum: ['calm', 'worried', 'frustrated', 'angry'] },
    summary: { type: 'string' },
    next_step: { type: 'string' },
    needs_human: { type: 'boolean' },
  },
  required: ['category', 'urgency', 'sentiment', 'summary', 'next_step', 'needs_human'],
  additionalProperties: false,
};

/** A day of a support desk: a few hundred tickets to triage, as lines of an OpenAI batch file. */
export function ticketLines(): string[] {
  const draws = seededDraws(SEED);
  return Array.from({ length: TICKETS }, (_, index) =>
    JSON.stringify({
      custom_id: `ticket-${FIRST_NUMBER + index}`,
      method: 'POST',
      url: '/v1/chat/completions',
      body: {
        model: TICKET_MODEL,
        messages: [
          { role: 'system', content: TICKET_INSTRUCTIONS },
          { role: 'user', content: ticketText(draws, draws.between(220, 1_300)) },
        ],
        max_tokens: 160,
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'triage', strict: true, schema: TRIAGE_SCHEMA },
        },
      },
    }),
  );
}
