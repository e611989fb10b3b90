/** The official SDK, unchanged but for its address. First: `npm start`. Then: `node examples/openai-sdk.ts` */

import OpenAI from 'openai';

const client = new OpenAI({
  baseURL: process.env['PENSTOCK_URL'] ?? 'http://127.0.0.1:8080/v1',
  apiKey: process.env['PENSTOCK_KEY'] ?? 'any',
});

const answers = await Promise.all(
  ['Rome', 'Paris', 'Oslo'].map((city) =>
    client.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: `One sentence about ${city}.` }],
    }),
  ),
);
for (const { choices } of answers) console.log(choices[0]?.message.content);
