import type { Endpoint } from '../../../shared/domain/requests/request.ts';

/** A good answer of each endpoint, to be spoilt. */
export const GOOD_ANSWERS: Readonly<Record<Endpoint, Record<string, unknown>>> = {
  '/v1/chat/completions': {
    id: 'chatcmpl-1',
    choices: [
      { index: 0, message: { role: 'assistant', content: 'Blüe.' }, finish_reason: 'stop' },
    ],
    usage: { prompt_tokens: 10, completion_tokens: 2 },
  },
  '/v1/responses': {
    id: 'resp_1',
    status: 'completed',
    output: [{ type: 'message', content: [{ type: 'output_text', text: 'Blüe.' }] }],
    usage: { input_tokens: 10, output_tokens: 2 },
  },
  '/v1/embeddings': {
    object: 'list',
    data: [{ index: 0, embedding: [0.25, -0.5] }],
    usage: { prompt_tokens: 10 },
  },
  '/v1/messages': {
    id: 'msg_1',
    type: 'message',
    content: [{ type: 'text', text: 'Blüe.' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 10, output_tokens: 2 },
  },
};
