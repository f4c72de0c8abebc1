#!/usr/bin/env python3
"""last_user.py - the last user message of each run, slowly and plainly.

    last_user.py [FILE...] < runs.ndjson

Prints {"run_id","input"} for every run, null where there is no message.  Its
only virtue is that one can see that it is right: it decodes each run as a
whole and follows the rule step by step.  Tests use it as an oracle, and
benchmarks as what one would write in Python.  Standard library only.

The text is printed decoded (a lone surrogate as U+FFFD), so compare it with
the output of other tools by value, not by bytes.

Exit status: 0, or 1 if a line was no JSON object.
"""
import json
import re
import sys

LIST_KEYS = ("messages", "input", "contents", "inputs", "chat")
FIELDS_BEFORE_PROMPTS = ("input", "question", "query", "prompt")
FIELDS_AFTER_PROMPTS = ("user_input", "chatInput", "text", "message", "content", "contents")
MADE_BY_PROGRAMS = ("tool", "retriever", "parser", "embedding")
ROLES = ("user", "human", "system", "developer", "assistant", "ai", "tool", "function", "model")


def no_constant(name):
    raise ValueError(name + " is not JSON")


def decode(text):
    """JSON as RFC 8259 has it.  Numbers are of no interest and may be huge."""
    return json.loads(text, parse_constant=no_constant, parse_int=float)


# ---- step 1: the list ----

def is_message(e):
    """Told for lists in strings only: is this an element of a message list?"""
    if isinstance(e, dict):
        return (isinstance(e.get("role"), str)
                or isinstance(e.get("type"), str) and any(k in e for k in ("content", "data", "kwargs"))
                or isinstance(e.get("parts"), list))
    return is_pair(e) and e[0] in ROLES


def is_pair(e):
    return isinstance(e, list) and len(e) == 2 and all(isinstance(x, str) for x in e)


def list_in(value):
    """A list, or an object with the list in "messages"."""
    if isinstance(value, dict):
        value = value.get("messages")
    return value if isinstance(value, list) else None


def list_in_string(text):
    """The message list that a string spells, or None: then it is just a text."""
    if not text.startswith(("[", "{")):
        return None
    try:
        found = list_in(decode(text))
    except (ValueError, RecursionError):
        return None
    if found is None or not any(is_message(e) for e in unbatch(found)):
        return None
    return found


def find_list(inputs):
    """Returns (key, list), or (None, None)."""
    for key in LIST_KEYS:
        value = inputs.get(key)
        if isinstance(value, dict):
            value = value.get("messages")
        found = list_in_string(value) if isinstance(value, str) else list_in(value)
        if found is not None:
            return key, found
    return None, None


# ---- step 2: batches ----

def unbatch(messages):
    """A list of lists of objects: the last one.  A pair of strings is a message."""
    if messages and isinstance(messages[-1], list) and messages[-1] and isinstance(messages[-1][0], dict):
        return messages[-1]
    return messages


# ---- step 3: whose message is it? ----

def is_users(m, gemini):
    if isinstance(m, str):
        return gemini
    if is_pair(m):
        return m[0] in ("user", "human")
    if not isinstance(m, dict):
        return False
    if m.get("role") in ("user", "human") or m.get("type") == "human":
        return True
    lc_id = m.get("id")
    if isinstance(lc_id, list) and lc_id and lc_id[-1] in ("HumanMessage", "HumanMessageChunk"):
        return True
    return gemini and m.get("role") is None and m.get("type") is None


# ---- step 4: its text ----

def part_text(part):
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type") in (None, "text", "input_text"):
        if isinstance(part.get("text"), str):
            return part["text"]
    return ""


def content_text(content):
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(t for t in map(part_text, content) if t != "")
    return ""


def message_text(m):
    """The text, or "" for none.  The first place that has any wins."""
    if isinstance(m, str):
        return m
    if isinstance(m, list):
        return m[1]
    for outer in (None, "kwargs", "data"):
        holder = m if outer is None else m.get(outer)
        if isinstance(holder, dict):
            text = content_text(holder.get("content"))
            if text != "":
                return text
    return content_text(m.get("parts"))


# ---- step 5: no list ----

def field_text(inputs):
    for key in FIELDS_BEFORE_PROMPTS:
        if isinstance(inputs.get(key), str) and inputs[key] != "":
            return inputs[key]
    prompts = inputs.get("prompts")
    if isinstance(prompts, list) and prompts and isinstance(prompts[-1], str) and prompts[-1] != "":
        return prompts[-1]
    for key in FIELDS_AFTER_PROMPTS:
        if isinstance(inputs.get(key), str) and inputs[key] != "":
            return inputs[key]
    args = inputs.get("args")
    strings = [a for a in args if isinstance(a, str)] if isinstance(args, list) else []
    if len(strings) == 1 and strings[0] != "":
        return strings[0]
    return None


def last_user(run):
    inputs = run.get("inputs")
    if not isinstance(inputs, dict):
        return None
    key, messages = find_list(inputs)
    if messages is not None:
        for m in reversed(unbatch(messages)):
            if is_users(m, key == "contents"):
                text = message_text(m)
                if text != "":
                    return text
        return None
    # The second API spells the type in capitals.
    if str(run.get("run_type")).lower() in MADE_BY_PROGRAMS:
        return None
    return field_text(inputs)


def main():
    status = 0
    sys.setrecursionlimit(20000)
    files = [open(name, "rb") for name in sys.argv[1:]] or [sys.stdin.buffer]
    for f in files:
        for number, line in enumerate(f, 1):
            if number == 1 and line.startswith(b"\xef\xbb\xbf"):
                line = line[3:]
            if not line.strip(b" \t\r\n"):
                continue
            try:
                run = decode(line.decode("utf-8"))
                if not isinstance(run, dict):
                    raise ValueError("not an object")
            except (ValueError, RecursionError) as e:
                print("last_user: line %d: %s" % (number, e), file=sys.stderr)
                status = 1
                continue
            out = json.dumps({"run_id": run.get("id"), "input": last_user(run)}, ensure_ascii=False)
            # json.loads has joined the pairs; what is left of surrogates stands alone.
            out = re.sub("[\ud800-\udfff]", "\ufffd", out)
            sys.stdout.buffer.write(out.encode("utf-8") + b"\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
