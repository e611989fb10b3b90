"""The official SDK with only its base URL changed. Twenty tickets are sent at once, without a
thought for limits: Penstock holds them back until the provider has room.

    pip install openai
    npm start                        # in one terminal
    python examples/openai_sdk.py    # in another
"""

import asyncio
import json
import os
from pathlib import Path

from openai import AsyncOpenAI

TICKETS = Path(__file__).with_name("support-tickets.jsonl")

client = AsyncOpenAI(
    base_url=os.environ.get("PENSTOCK_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("PENSTOCK_API_KEY", "local"),
    # Penstock retries, and answers a call that was repeated only once.
    max_retries=0,
)


async def answer(ticket: dict) -> None:
    completion = await client.chat.completions.create(
        **ticket["body"],
        extra_headers={"Idempotency-Key": f"py-{ticket['custom_id']}"},
    )
    print(ticket["custom_id"], completion.choices[0].message.content)


async def main() -> None:
    with TICKETS.open(encoding="utf-8") as lines:
        tickets = [json.loads(line) for _, line in zip(range(20), lines)]
    await asyncio.gather(*(answer(ticket) for ticket in tickets))


asyncio.run(main())
