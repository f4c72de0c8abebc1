import collections
import datetime
import json
import sys
import zoneinfo

fields = ["ch_characters", "en_characters", "total_characters"]
taipei = zoneinfo.ZoneInfo("Asia/Taipei")
groups = collections.defaultdict(lambda: [0, 0, 0])
for line in sys.stdin.buffer:
    r = json.loads(line)
    date = datetime.datetime.fromisoformat(r["timestamp"].replace("Z", "+00:00")).astimezone(taipei).date()
    sums = groups[str(date), r["user_department"], r["user_name"]]
    for i, f in enumerate(fields):
        sums[i] += r[f]
for key in sorted(groups):
    row = dict(zip(["date", "department", "user_name", *fields], [*key, *groups[key]]))
    sys.stdout.buffer.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
