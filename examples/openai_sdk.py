"""The official SDK, unchanged but for its address. First: npm start. Then: python examples/openai_sdk.py"""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("PENSTOCK_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("PENSTOCK_KEY", "any"),
)

for city in ["Rome", "Paris", "Oslo"]:
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": f"One sentence about {city}."}],
    )
    print(answer.choices[0].message.content)
