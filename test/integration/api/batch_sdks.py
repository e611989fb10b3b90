"""The life cycle of batches with the official Python SDKs. Usage: batch_sdks.py URL KEY [SECONDS [SDK]]

SECONDS: how long a batch may take. SDK: only that one.
"""

import hashlib
import io
import json
import sys
import time

import anthropic
import openai

URL, KEY = sys.argv[1:3]
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 30.0
ONLY = sys.argv[4] if len(sys.argv) > 4 else None
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
claude = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0)


def lines(count: int) -> bytes:
    rows = (
        {
            "custom_id": f"row-{index}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "gpt-4o-mini",
                "max_tokens": 8,
                "messages": [{"role": "user", "content": f"Say {index}."}],
            },
        }
        for index in range(count)
    )
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def wait(read, is_over):
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        found = read()
        if is_over(found):
            return found
        time.sleep(min(1.0, SECONDS / 300))
    raise TimeoutError(found)


def ended(batch_id: str):
    over = {"completed", "failed", "expired", "cancelled"}
    return wait(lambda: client.batches.retrieve(batch_id), lambda batch: batch.status in over)


def try_openai():
    # Files
    file = client.files.create(file=("input.jsonl", io.BytesIO(lines(20))), purpose="batch")
    assert file.purpose == "batch" and file.bytes == len(lines(20))
    assert client.files.content(file.id).read() == lines(20)
    assert file.id in [found.id for found in client.files.list(limit=1)]

    # Uploads
    content = lines(30)
    upload = client.uploads.upload_file_chunked(
        file=content,
        filename="chunked.jsonl",
        bytes=len(content),
        mime_type="application/jsonl",
        purpose="batch",
        part_size=1000,
        md5=hashlib.md5(content).hexdigest(),
    )
    assert upload.status == "completed" and upload.file is not None
    assert client.files.content(upload.file.id).read() == content

    # Batches
    batch = client.batches.create(
        input_file_id=upload.file.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"from": "python"},
    )
    done = ended(batch.id)
    assert done.status == "completed", done
    assert (done.request_counts.total, done.request_counts.completed) == (30, 30)
    rows = [json.loads(line) for line in client.files.content(done.output_file_id).iter_lines()]
    assert {row["custom_id"] for row in rows} == {f"row-{index}" for index in range(30)}
    assert all(row["response"]["status_code"] == 200 for row in rows)
    bad = client.files.create(file=("bad.jsonl", b"nonsense\n"), purpose="batch")
    failed = ended(
        client.batches.create(
            input_file_id=bad.id, endpoint="/v1/chat/completions", completion_window="24h"
        ).id
    )
    assert failed.status == "failed" and failed.errors.data[0].line == 1
    assert failed.errors.data[0].code == "invalid_json_line"
    assert batch.id in [found.id for found in client.batches.list(limit=1)]
    try:
        client.batches.cancel(done.id)
        raise AssertionError("cancelled what had ended")
    except openai.ConflictError:
        pass
    assert client.files.delete(file.id).deleted
    try:
        client.files.retrieve(file.id)
        raise AssertionError("found what was deleted")
    except openai.NotFoundError:
        pass


def try_anthropic():
    params = {
        "model": "claude-haiku-4-5",
        "max_tokens": 8,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    made = claude.messages.batches.create(
        requests=[
            {"custom_id": "good", "params": params},
            {"custom_id": "bad", "params": {**params, "model": "claude-9"}},
        ]
    )
    over = wait(
        lambda: claude.messages.batches.retrieve(made.id),
        lambda found: found.processing_status == "ended",
    )
    assert (over.request_counts.succeeded, over.request_counts.errored) == (1, 1)
    results = {entry.custom_id: entry.result for entry in claude.messages.batches.results(made.id)}
    assert results["good"].type == "succeeded" and results["good"].message.role == "assistant"
    assert results["bad"].type == "errored", results["bad"]
    assert made.id in [found.id for found in claude.messages.batches.list(limit=1)]
    try:
        claude.messages.batches.create(requests=[{"custom_id": "a b", "params": params}])
        raise AssertionError("took a bad name")
    except anthropic.BadRequestError as error:
        assert "requests.0.custom_id" in str(error)
    assert claude.messages.batches.delete(made.id).type == "message_batch_deleted"


for name, attempt in (("openai", try_openai), ("anthropic", try_anthropic)):
    if ONLY in (None, name):
        attempt()
print("all of it")
