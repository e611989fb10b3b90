#!/usr/bin/env bash
# One request through the queue, and its answer. First: npm start.
set -euo pipefail
base="${PENSTOCK_URL:-http://127.0.0.1:8080/v1}"
curl -sS "$base/requests" -H 'content-type: application/json' -H "Idempotency-Key: hello-$$" -d '{
  "url": "/v1/chat/completions",
  "tags": ["example"],
  "body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}]}
}' | tee /dev/stderr | grep -o '"id":"[^"]*"' | head -n 1 | cut -d'"' -f4 |
  xargs -I{} curl -sS "$base/requests/{}?wait=25"
echo
