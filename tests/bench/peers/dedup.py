import json
import sys

seen = set()
for line in sys.stdin.buffer:
    key = json.loads(line)["id"]
    if key not in seen:
        seen.add(key)
        sys.stdout.buffer.write(line)
