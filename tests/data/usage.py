#!/usr/bin/env python3
"""usage.py make N SEED | sum BY ZONE FIELD...   what cc-sum does, a second time and slowly, to compare with.

make: N entries whose times stand near the borders of days and the changes of clocks, whose names are hostile.
sum:  BY is day, hour or month of the timestamp, then department and user; the groups as cc-sum writes them.
"""
import datetime as dt
import json
import random
import sys
import zoneinfo
from decimal import Decimal, getcontext

getcontext().prec = 120
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
MOMENTS = ["2024-03-10T07:00", "2024-11-03T06:00", "2024-03-31T01:00", "2024-10-27T01:00", "2024-04-06T15:00", "2024-10-05T15:30",
           "1979-06-30T16:00", "1945-09-21T01:00", "1969-12-31T16:00", "1970-01-01T00:00", "2000-02-28T16:00", "2024-02-29T16:00",
           "0001-01-03T00:00", "9999-12-29T00:00", "2100-02-28T16:00", "2038-01-19T03:14"]
NAMES = ['"資訊部"', '"\\u8cc7\\u8a0a\\u90e8"', '"a"', '"\\u0061"', '"a\\u0000"', '"a\\u0000b"', '"a\\"b"', '"a\\\\b"', '"a\\/b"', '"a/b"',
         '"\\ud83d\\ude00"', '"😀"', '""', '" "', '"A"', '"1"', 'null', 'true', 'false', '"\\t\\u0001"', '"\U00020000"']
NUMBERS = ["0", "1", "-1", "18446744073709551615", "-9223372036854775808", "9999999999999999999999999999", "0.1", "1e3", "-2.50",
           "1.7999999999999998e-05", "12345678901234567.000000000000000000001", "null"]


def make(n, seed):
    rnd = random.Random(seed)
    for _ in range(n):
        t = dt.datetime.fromisoformat(rnd.choice(MOMENTS)).replace(tzinfo=dt.timezone.utc)
        t += dt.timedelta(microseconds=rnd.choice([rnd.randrange(-3600, 3600) * 10**6, rnd.randrange(-10**11, 10**11), -1, 0]))
        off = rnd.choice([0, 0, 480, -210, 345])
        local = t + dt.timedelta(minutes=off)
        text = local.strftime("%H:%M:%S.%f")
        zone = "Z" if off == 0 else "%s%02d:%02d" % ("-" if off < 0 else "+", abs(off) // 60, abs(off) % 60)
        members = ['"timestamp":"%04d-%02d-%02d%s%s%s"' % (local.year, local.month, local.day, rnd.choice("T "), text, zone),
                   '"user_department":' + rnd.choice(NAMES), '"user_name":' + rnd.choice(NAMES)]
        for f in "ch_characters", "en_characters":
            if rnd.random() < .9:
                members.append('"%s":%s' % (f, rnd.choice(NUMBERS)))
        rnd.shuffle(members)
        sys.stdout.write("{" + ",".join(members) + "}\n")


def part(text, by, zone):
    t = dt.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(zone)
    date = "%04d-%02d-%02d" % (t.year, t.month, t.day)
    if by == "hour":
        minutes = int(t.utcoffset().total_seconds() / 60)
        off = "Z" if minutes == 0 else "%s%02d:%02d" % ("-" if minutes < 0 else "+", abs(minutes) // 60, abs(minutes) % 60)
        return date + "T%02d:00:00%s" % (t.hour, off)
    return date[:7] if by == "month" else date


def order(v):
    return (0 if v is None else 2 if v is True else 1 if v is False else 4, v if isinstance(v, str) else "")


def total(by, zone, fields):
    groups = {}
    for line in sys.stdin:
        r = json.loads(line, parse_float=Decimal, parse_int=Decimal)
        key = tuple((type(v), v) for v in (part(r["timestamp"], by, zone), r["user_department"], r["user_name"]))
        sums = groups.setdefault(key, [Decimal(0)] * len(fields))
        for i, f in enumerate(fields):
            sums[i] += r.get(f) or 0
    for key in sorted(groups, key=lambda k: [order(v) for _, v in k]):
        out = ["%s:%s" % (json.dumps(n), json.dumps(v, ensure_ascii=False)) for n, (_, v) in zip([by, "department", "user_name"], key)]
        for f, s in zip(fields, groups[key]):
            text = format(s, "f")
            text = text.rstrip("0").rstrip(".") if "." in text else text
            out.append('"%s":%s' % (f, "0" if text in ("-0", "") else text))
        sys.stdout.write("{" + ",".join(out) + "}\n")


if sys.argv[1] == "make":
    make(int(sys.argv[2]), int(sys.argv[3]))
else:
    total(sys.argv[2], zoneinfo.ZoneInfo(sys.argv[3]), sys.argv[4:])
