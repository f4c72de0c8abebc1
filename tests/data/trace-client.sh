#!/bin/sh
# One call of a model, told to trace-serve by curl when it has ended.
curl -sSf "${TRACE_URL:-http://localhost:8080}/api/trace" -H 'Content-Type: application/json' -d '{
  "session_id": "demo-curl",
  "turn_number": 1,
  "status": "success",
  "request": {"model": "gpt-4o", "messages": [{"role": "user", "content": "你好"}]},
  "response": {"choices": [{"message": {"role": "assistant", "content": "Hello!"}}],
               "usage": {"prompt_tokens": 9, "completion_tokens": 3}},
  "metadata": {"latency_ms": 840}
}'
