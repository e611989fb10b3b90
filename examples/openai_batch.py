"""A batch with the official SDK, with only its base URL changed. The window is any you like, the
file may mix models and providers, and the output can be read while the batch runs.

    pip install openai
    npm start                          # in one terminal
    python examples/openai_batch.py    # in another
"""

import json
import os
import time
from pathlib import Path

from openai import OpenAI

TICKETS = Path(__file__).with_name("support-tickets.jsonl")

client = OpenAI(
    base_url=os.environ.get("PENSTOCK_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("PENSTOCK_API_KEY", "local"),
)

file = client.files.create(file=TICKETS, purpose="batch")
batch = client.batches.create(
    input_file_id=file.id,
    endpoint="/v1/chat/completions",
    completion_window="15m",
    metadata={"from": "examples"},
)
while batch.status in ("validating", "in_progress", "finalizing"):
    time.sleep(1)
    batch = client.batches.retrieve(batch.id)
    counts = batch.request_counts
    print(f"{batch.status}: {counts.completed} of {counts.total}, {counts.failed} failed")

if batch.errors:
    for error in batch.errors.data:
        print(f"line {error.line}: {error.code}: {error.message}")
if batch.output_file_id:
    for line in list(client.files.content(batch.output_file_id).iter_lines())[:5]:
        row = json.loads(line)
        answer = row["response"]["body"]["choices"][0]["message"]["content"]
        print(row["custom_id"], answer)
    print(batch.usage)
# Beyond what the SDK knows: what it cost. Each line goes the cheapest way that is expected to end
# within the window, the provider's own batch among them, which is half the price.
extra = batch.x_penstock
print(f"cost: ${(extra['cost_micro_usd'] or 0) / 1e6:.4f}")
for warning in extra["warnings"]:
    print(f"warning: {warning['message']}")
