"""record.py TREE - append records to the recorder's tree, as the original service does it: read each line as JSON, write
it to the files of its session, its day and its errors, 100 at a time, and then the newest 100 to latest.json."""
import collections, json, os, sys

tree = sys.argv[1]
latest = collections.deque(maxlen=100)


def lines_by_file(records):
    files = collections.defaultdict(list)
    for r in records:
        line = json.dumps(r, ensure_ascii=False) + "\n"
        day = r["timestamp"][:10]
        files[f"by_session/session_{r['session_id']}/{day}.json"].append(line)
        files[f"by_date/{day}_all_interactions.json"].append(line)
        if not r["success"]:
            files[f"errors/{day}_errors.json"].append(line)
    return files


def write(path, mode, lines):
    path = os.path.join(tree, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, mode, encoding="utf-8") as f:
        f.writelines(lines)


def flush(records):
    for path, lines in lines_by_file(records).items():
        write(path, "a", lines)
    latest.extend(records)
    write("real_time/latest.json", "w", [json.dumps(list(latest), ensure_ascii=False)])
    records.clear()


buffer = []
for line in sys.stdin:
    buffer.append(json.loads(line))
    if len(buffer) == 100:
        flush(buffer)
flush(buffer)
