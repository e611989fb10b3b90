#!/usr/bin/env bash
# Three calls to a running Penstock (npm start). Needs curl only.
set -euo pipefail

base="${PENSTOCK_URL:-http://127.0.0.1:8080/v1}"
json='content-type: application/json'
key="authorization: Bearer ${PENSTOCK_API_KEY:-local}"

echo 'One answer, waited for:'
curl -sS --fail-with-body "$base/chat/completions" -H "$json" -H "$key" -d '{
  "model": "gpt-4o-mini",
  "max_tokens": 60,
  "messages": [{ "role": "user", "content": "Why is the sky blue?" }]
}'

echo
echo 'One request handed over, then asked for; a repeat with the same Idempotency-Key is the same request:'
accepted=$(curl -sS --fail-with-body "$base/requests" -H "$json" -H "$key" \
  -H "Idempotency-Key: sky-$(date +%s)" -d '{
    "model": "gpt-4o-mini",
    "endpoint": "/v1/chat/completions",
    "body": {
      "max_tokens": 60,
      "messages": [{ "role": "user", "content": "Why is the sea salty?" }]
    }
  }')
echo "$accepted"
id=$(sed -E 's/.*"id":"([^"]+)".*/\1/' <<<"$accepted")
curl -sS --fail-with-body "$base/requests/$id?wait=25" -H "$key"

echo
echo 'What it cost so far:'
curl -sS --fail-with-body "$base/usage" -H "$key"
echo
