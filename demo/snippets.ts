/** Ways to try a running Penstock at once, each complete as printed. */
export interface Snippet {
  readonly title: string;
  readonly code: string;
}

export function snippets(baseUrl: string, model: string): readonly Snippet[] {
  const body = JSON.stringify({
    model,
    messages: [{ role: 'user', content: 'Why is the sky blue?' }],
    max_tokens: 60,
  });
  return [
    {
      title: 'curl',
      code: `curl ${baseUrl}/chat/completions -H 'content-type: application/json' -d '${body}'`,
    },
    {
      title: 'JavaScript (hello.mjs in this folder: node hello.mjs)',
      code: `import OpenAI from 'openai';
const client = new OpenAI({ baseURL: '${baseUrl}', apiKey: 'local' });
const answer = await client.chat.completions.create({
  model: '${model}',
  messages: [{ role: 'user', content: 'Why is the sky blue?' }],
  max_tokens: 60,
});
console.log(answer.choices[0].message.content);`,
    },
    {
      title: 'Python (pip install openai)',
      code: `from openai import OpenAI
client = OpenAI(base_url="${baseUrl}", api_key="local")
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Why is the sky blue?"}],
    max_tokens=60,
)
print(answer.choices[0].message.content)`,
    },
  ];
}
