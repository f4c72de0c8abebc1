"""recording.py [FILE]... - record what a terminal shows of the tools, at work on the data of this tree and the local stand-ins.

Without a FILE the recording is printed.  In each FILE it takes the place of the block behind the line "<!-- recording -->":
that is how the READMEs get theirs.  The tools are those of $B (default build), where "make check" has built clock.so, too.

A progress line is drawn in one place, over and over; here it is a line each time, behind the seconds since its command
began.  The tools live on 2026-11-20, see clock.c, but take real time, so what tells of that differs each time; recording.t masks it.
"""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DATA = TOP + '/tests/data'
B = os.path.abspath(os.environ.get('B', TOP + '/build'))

# For the first one LangSmith takes its time, so that there is progress to see.
COMMANDS = (
    'ls-fetch --since 30d >runs.ndjson',
    'sync.sh',
    'etl.sh write --department test_org <entries.ndjson',
    'etl.sh summary --department test_org --from 2021-01-01 --to 2021-01-03',
    'etl.sh report --from 2021-01-01 --to 2021-01-03',
    'rec-stat',
)


def standin(name, *args):
    """Start a stand-in: its process and its address."""
    p = subprocess.Popen(['node', f'{TOP}/tests/standin/{name}.js', *args], stdout=subprocess.PIPE, text=True)
    m = re.search(r'listening on (\S+)', p.stdout.readline())
    return p, m.group(1)


def interactions():
    """The messages of the sample runs, as if a model had answered them in the last three days."""
    with open(DATA + '/runs.expected.ndjson', encoding='utf-8') as f:
        prompts = [json.loads(line)['input'] for line in f]
    for i, prompt in enumerate(p for p in prompts if p is not None):
        yield json.dumps({'session_id': i % 7 + 1, 'timestamp': f'2026-11-{18 + i % 3}T08:00:00', 'prompt': prompt, 'response': 'Hello.',
                          'success': i % 40 > 0, 'performance_metrics': {'response_time_ms': 500 + i * i % 9000}}) + '\n'


def record(command, env, work):
    """The lines that a command writes on a terminal; those that were drawn over have the time before them."""
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 100, 0, 0))
        os.chdir(work)
        os.execvpe('bash', ['bash', '-c', command], env)
    start, text, came = time.monotonic(), b'', []
    while True:
        try:
            got = os.read(fd, 65536)
        except OSError:         # how a terminal says that nobody has it open any more
            break
        came.append((len(text), time.monotonic() - start))
        text += got
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f'recording: {command}: {text.decode()}')
    for m in re.finditer(rb'([^\r\n]*)(\r\n|\r\x1b\[K)', text):
        line = m.group(1).decode()
        if m.group(2) == b'\r\n':
            yield line
        elif line:
            seconds = [t for offset, t in came if offset <= m.start()][-1]
            yield f'{seconds:5.1f} s  {line}'


def record_all():
    services = []
    with tempfile.TemporaryDirectory() as work:
        try:
            services.append(standin('langsmith', '--now', '2026-11-20T12:10:00Z', '--latency', '300',
                                    '--data', DATA + '/runs.ndjson'))
            services.append(standin('feishu'))
            env = {
                'PATH': f'{B}:{TOP}/scripts:{os.environ["PATH"]}', 'HOME': work, 'LC_ALL': 'C', 'TERM': 'xterm', 'TZ': 'UTC',
                'LLMUTILS_BIN': B, 'LD_PRELOAD': B + '/clock.so', 'CLOCK_MS': '1795176600000',
                'LANGSMITH_API_KEY': 'lsv2_pt_test', 'LANGSMITH_PROJECT': 'my-app', 'LANGSMITH_ENDPOINT': services[0][1],
                'FEISHU_APP_ID': 'cli_test', 'FEISHU_APP_SECRET': 'secret', 'FEISHU_BASE_ID': 'bascnTest',
                'FEISHU_TABLE_ID': 'tblTest', 'FEISHU_ENDPOINT': services[1][1],
            }
            shutil.copy(DATA + '/entries.ndjson', work)
            subprocess.run(['rec-write'], input=''.join(interactions()), text=True, stdout=subprocess.DEVNULL, env=env, cwd=work,
                           check=True)
            for command in COMMANDS:
                yield '$ ' + command
                yield from record(command, env, work)
                subprocess.run(['node', TOP + '/tests/ctl.js', 'POST', services[0][1] + '/_test/config', '-'], input=b'{"latency":0}',
                               stdout=subprocess.DEVNULL, env=env, check=True)
        finally:
            for p, _ in services:
                p.kill()
                p.wait()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
recording = '<!-- recording -->\n```\n' + ''.join(line + '\n' for line in record_all()) + '```\n'
if len(sys.argv) == 1:
    print(recording, end='')
for name in sys.argv[1:]:
    with open(name, encoding='utf-8') as f:
        text = f.read()
    text, n = re.subn('<!-- recording -->\n```\n.*?```\n', lambda _: recording, text, flags=re.DOTALL)
    if n != 1:
        sys.exit(f'recording: {name}: the line "<!-- recording -->" with a block behind it stands there {n} times')
    with open(name, 'w', encoding='utf-8') as f:
        f.write(text)
