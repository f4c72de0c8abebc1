import json
import re
import sys

field = sys.argv[1]
han = re.compile("[\u2e80-\u2e99\u2e9b-\u2ef3\u2f00-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufa6d\ufa70-\ufad9\U00020000-\U0003347f]")
letter = re.compile("[A-Za-z]")
for line in sys.stdin.buffer:
    r = json.loads(line)
    text = r[field]
    r.update(ch_characters=len(han.findall(text)), en_characters=len(letter.findall(text)), total_characters=len(text))
    sys.stdout.buffer.write(json.dumps(r, ensure_ascii=False).encode() + b"\n")
