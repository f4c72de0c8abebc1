"""runner.py FILE JOB CONTEXT - run a job of a GitHub workflow here, as far as GitHub's runner is needed for ours.

FILE is run in the current directory, which is the checkout: actions/checkout does nothing.  actions/cache keeps folders in
$RUNNER_CACHE; a composite action of the checkout runs step by step.  CONTEXT is a JSON file with vars and secrets.
The steps' output goes to stderr; stdout has a line for each step: its name and how it ended, steps of an
action indented.  Status 1: the job failed.  What this does not know is an error, and no step is passed over silently.
"""
import json
import os
import re
import subprocess
import sys

import yaml

STEP = {'name', 'id', 'if', 'uses', 'with', 'run', 'shell', 'env', 'working-directory'}
TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(\|\||&&|==|!=|[!()])|([A-Za-z_][\w-]*(?:\.[\w-]+)*))")
FALSE = ('', None, False, 0)


def evaluate(text, context):
    """An expression of names, strings, ==, !=, !, && and ||; calls are always() and success()."""
    tokens, at = [], 0
    while at < len(text.rstrip()):
        m = TOKEN.match(text, at)
        if not m:
            sys.exit(f'runner: cannot read the expression: {text}')
        tokens.append(m)
        at = m.end()

    def peek():
        return tokens[0].group(2) if tokens else None

    def primary():
        m = tokens.pop(0)
        if m.group(1):
            return m.group(1)[1:-1].replace("''", "'")
        if m.group(2) == '!':
            return primary() in FALSE
        if m.group(2) == '(':
            v = either()
            tokens.pop(0)
            return v
        if peek() == '(':
            del tokens[:2]
            return {'always': True, 'success': context['ok']}[m.group(3)]
        v = context
        for part in m.group(3).split('.'):
            v = v.get(part, '') if isinstance(v, dict) else ''
        return v

    def equal():
        v = primary()
        while peek() in ('==', '!='):
            op = tokens.pop(0).group(2)
            v = (v == primary()) == (op == '==')
        return v

    def both():
        v = equal()
        while peek() == '&&':
            tokens.pop(0)
            w = equal()
            v = v if v in FALSE else w
        return v

    def either():
        v = both()
        while peek() == '||':
            tokens.pop(0)
            w = both()
            v = w if v in FALSE else v
        return v

    return either()


def as_text(value):
    """What GitHub makes of a value where a string is wanted."""
    return '' if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def fill(value, context):
    """A string with ${{ }} in it."""
    return re.sub(r'\$\{\{(.*?)\}\}', lambda m: as_text(evaluate(m.group(1), context)), as_text(value))


def condition(step, context):
    text = str(step.get('if', 'success()')).strip()
    m = re.fullmatch(r'\$\{\{(.*)\}\}', text)
    text = m.group(1) if m else text
    if 'always()' not in text:
        text = f'success() && ({text})'
    return evaluate(text, context) not in FALSE


def copy(source, to):
    os.makedirs(to, exist_ok=True)
    subprocess.run(['cp', '-a', '--remove-destination', source + '/.', to], check=True)


class Runner:
    def __init__(self):
        self.path = []
        self.after = []	# what actions do at the end of the job
        self.temp = os.environ['RUNNER_TEMP']

    def shell(self, step, env, cwd, context, default):
        shell = step.get('shell', default)
        script, output, path = (os.path.join(self.temp, n) for n in ('_step.sh', '_output', '_path'))
        with open(script, 'w') as f:
            f.write(fill(step['run'], context))
        for f in (output, path):
            open(f, 'w').close()
        env = {**env, 'GITHUB_OUTPUT': output, 'GITHUB_PATH': path}
        env['PATH'] = ':'.join(self.path + [env['PATH']])
        # A workflow's step without a shell runs in bash -e, with shell: bash there is pipefail, too.
        how = {None: ['bash', '-e'], 'bash': ['bash', '--noprofile', '--norc', '-eo', 'pipefail']}[shell]
        st = subprocess.run(how + [script], env=env, cwd=os.path.join(cwd, fill(step.get('working-directory', '.'), context)),
                            stdout=sys.stderr, stdin=subprocess.DEVNULL).returncode
        with open(path) as f:
            self.path[:0] = [line for line in f.read().split('\n') if line]
        with open(output) as f:
            return st == 0, dict(line.split('=', 1) for line in f.read().split('\n') if line)

    def cache(self, given):
        kept = os.path.join(os.environ['RUNNER_CACHE'], given['key'])
        if os.path.isdir(kept):
            copy(kept, given['path'])
            return True, {'cache-hit': 'true'}
        self.after.append(lambda: copy(given['path'], kept))
        return True, {'cache-hit': 'false'}

    def use(self, step, env, cwd, context, depth):
        what = step['uses']
        given = {k: fill(v, context) for k, v in step.get('with', {}).items()}
        if what == 'actions/checkout@v4':
            return True, {}
        if what == 'actions/cache@v4':
            return self.cache(given)
        if not what.startswith('./'):
            sys.exit(f'runner: the action {what} is not known')
        folder = os.path.join(cwd, what)
        with open(os.path.join(folder, 'action.yml')) as f:
            action = yaml.safe_load(f)
        if action['runs']['using'] != 'composite' or not action['description']:
            sys.exit('runner: not a composite action')
        unknown = set(given) - set(action['inputs'])
        if unknown:
            sys.exit(f'runner: the action has no input {unknown}')
        inputs = {k: given.get(k, v.get('default', '')) for k, v in action['inputs'].items()}
        # It sees neither vars nor secrets, but the environment of the step.
        inner = {'inputs': inputs, 'steps': {}, 'ok': True}
        ok = self.steps(action['runs']['steps'], {**env, 'GITHUB_ACTION_PATH': folder}, cwd, inner, depth + 1)
        return ok, {k: fill(v['value'], inner) for k, v in action.get('outputs', {}).items()}

    def steps(self, steps, env, cwd, context, depth=0):
        for n, step in enumerate(steps):
            unknown = set(step) - STEP - ({'timeout-minutes'} if depth == 0 else set())
            if unknown or ('run' in step) == ('uses' in step) or (depth > 0 and 'run' in step and 'shell' not in step):
                sys.exit(f'runner: a step cannot be like this: {step}')
            name = step.get('name', step.get('id', step.get('uses', str(n))))
            if condition(step, context):
                own = {**env, **{k: fill(v, context) for k, v in step.get('env', {}).items()}}
                if 'run' in step:
                    ok, outputs = self.shell(step, own, cwd, context, None)
                else:
                    ok, outputs = self.use(step, own, cwd, context, depth)
                outcome = 'success' if ok else 'failure'
                context['ok'] = context['ok'] and ok
            else:
                outcome, outputs = 'skipped', {}
            context['steps'][step.get('id', f'_{n}')] = {'outcome': outcome, 'outputs': outputs}
            print('  ' * depth + f'{name}: {outcome}', flush=True)
        return context['ok']


def main():
    with open(sys.argv[1]) as f:
        job = yaml.safe_load(f)['jobs'][sys.argv[2]]
    with open(sys.argv[3]) as f:
        context = {**json.load(f), 'steps': {}, 'ok': True}
    if not condition(job, context):
        print('skipped')
        return
    cwd = os.getcwd()
    env = {**os.environ, 'GITHUB_WORKSPACE': cwd, **{k: fill(v, context) for k, v in job.get('env', {}).items()}}
    runner = Runner()
    ok = runner.steps(job['steps'], env, cwd, context)
    if ok:
        for f in runner.after:
            f()
    sys.exit(not ok)


main()
