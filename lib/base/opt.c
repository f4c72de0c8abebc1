#include "base/opt.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/std.h"
#include "base/when.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

#define LONG_ONLY 256		/* getopt_long values of options: LONG_ONLY + index */
#define HELP_COLUMN 26
#define MOST_JOBS 4

static bool help, version, quiet, verbose_;

static const struct opt shared[] = {
	OPT_FLAG('h', "help", &help, "show this help and exit"),
	OPT_FLAG('q', "quiet", &quiet, "print nothing unless something is wrong"),
	OPT_FLAG('v', "verbose", &verbose_, "tell more, and end with a summary line"),
	OPT_FLAG('V', "version", &version, "show the version and exit"),
};
#define N_SHARED (sizeof shared / sizeof *shared)

void
opt_misuse(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	warn("%s", text);
	die(ST_USAGE, "try '%s --help'", msg_name());
}

bool
opt_parse_number(const char *s, bool units, int64_t *value)
{
	static const struct { const char *unit; int64_t n; } unit[] = {
		{ "", 1 }, { "K", 1 << 10 }, { "k", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { "T", INT64_C(1) << 40 },
	};
	char *end;
	long long n;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno != 0)
		return false;
	for (size_t i = 0; i < (units ? sizeof unit / sizeof *unit : 1); i++)
		if (strcmp(end, unit[i].unit) == 0)
			return !__builtin_mul_overflow((int64_t)n, unit[i].n, value);
	return false;
}

static void
set_number(const struct opt *o, const char *arg)
{
	int64_t n;

	if (!opt_parse_number(arg, o->kind == OPT_SIZE_, &n))
		opt_misuse("--%s: '%s' is not a %s", o->name, arg, o->kind == OPT_SIZE_ ? "size (such as 64K, 100M)" : "number");
	if (n < o->min || n > o->max)
		opt_misuse("--%s: %s is not in %lld..%lld", o->name, arg, (long long)o->min, (long long)o->max);
	*(int64_t *)o->to = n;
}

static void
set_choice(const struct opt *o, const char *arg)
{
	int i = 0;

	for (const char *p = o->choices; ; i++) {
		size_t n = strcspn(p, "|");

		if (strlen(arg) == n && memcmp(arg, p, n) == 0)
			break;
		if (p[n] == '\0')
			opt_misuse("--%s: '%s' is not one of %s", o->name, arg, o->choices);
		p += n + 1;
	}
	*(int *)o->to = i;
}

static void
set(const struct opt *o, const char *arg)
{
	struct opt_list *list = o->to;
	struct opt_time *t = o->to;

	switch (o->kind) {
	case OPT_FLAG_:
		*(bool *)o->to = true;
		break;
	case OPT_STRING_:
		/* Mostly a variable that is not set: --dir "$DIR". */
		if (*arg == '\0' && o->min > 0)
			opt_misuse("--%s: wants a value", o->name);
		*(const char **)o->to = arg;
		break;
	case OPT_LIST_:
		list->v = mem_grow(list->v, &list->cap, list->n + 1, sizeof *list->v);
		list->v[list->n++] = arg;
		break;
	case OPT_NUMBER_:
	case OPT_SIZE_:
		set_number(o, arg);
		break;
	case OPT_DURATION_:
		if (!when_parse_duration(arg, o->to))
			opt_misuse("--%s: '%s' is not a duration (such as 90s, 10m, 2h, 14d)", o->name, arg);
		break;
	case OPT_TIME_:
		if (!when_parse_arg(arg, &t->ms))
			opt_misuse("--%s: '%s' is not a time (such as 2026-06-19T13:00:00Z, 2026-06-19, or 2h ago as 2h)",
			    o->name, arg);
		t->set = true;
		break;
	case OPT_CHOICE_:
		set_choice(o, arg);
		break;
	}
}

static int
by_name(const void *a, const void *b)
{
	const struct opt *x = *(const struct opt *const *)a, *y = *(const struct opt *const *)b;

	return strcmp(x->name, y->name);
}

static void
print_help(const struct tool *t, const struct opt **all, size_t n)
{
	struct buf b = { 0 };

	buf_addf(&b, "usage: %s %s\n%s\n\n", t->name, t->synopsis, t->summary);
	qsort(all, n, sizeof *all, by_name);
	for (size_t i = 0; i < n; i++) {
		const struct opt *o = all[i];
		size_t from = b.len;

		if (o->letter != 0)
			buf_addf(&b, "  -%c, --%s", o->letter, o->name);
		else
			buf_addf(&b, "      --%s", o->name);
		if (o->arg != NULL)
			buf_addf(&b, "%s%s", o->kind == OPT_CHOICE_ ? "=" : " ", o->arg);
		if (b.len - from + 2 > HELP_COLUMN)
			buf_addf(&b, "\n%*s", HELP_COLUMN, "");
		else
			buf_addf(&b, "%*s", (int)(HELP_COLUMN - (b.len - from)), "");
		buf_addf(&b, "%s\n", o->help);
	}
	if (t->environment != NULL)
		buf_addf(&b, "\nEnvironment:\n%s\n", t->environment);
	buf_addf(&b, "\nExample:\n%s\n", t->example);
	buf_adds(&b, "\nExit status: 0 all processed, 1 finished but some records were rejected,\n"
	    "2 wrong usage or configuration, 3 gave up (run again to resume), 128+N by signal N.\n");
	buf_addf(&b, "See %s(1) and llmutils(7).\n", t->name);
	std_out(b.p, b.len);
	exit(std_close(ST_OK));
}

static void
print_version(const struct tool *t)
{
	struct buf b = { 0 };

	buf_addf(&b, "%s (llmutils) %s\n", t->name, VERSION);
	std_out(b.p, b.len);
	exit(std_close(ST_OK));
}

int
opt_parse(const struct tool *t, int argc, char *argv[])
{
	size_t n = t->n_opts + N_SHARED;
	const struct opt **all = mem_zero(n, sizeof *all);
	struct option *longs = mem_zero(n + 1, sizeof *longs);
	char *shorts = mem_zero(2 * n + 2, 1), *s = shorts;
	int c, args;

	std_open();
	msg_init(t->name);
	*s++ = ':';
	for (size_t i = 0; i < n; i++) {
		const struct opt *o = all[i] = i < t->n_opts ? &t->opts[i] : &shared[i - t->n_opts];

		longs[i] = (struct option){ o->name, o->arg != NULL, NULL, LONG_ONLY + (int)i };
		if (o->letter != 0) {
			*s++ = (char)o->letter;
			if (o->arg != NULL)
				*s++ = ':';
		}
	}
	opterr = 0;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		size_t i = 0;

		if (c == ':')
			opt_misuse("%s: wants a value", argv[optind - 1]);
		if (c == '?' && optopt != 0 && optopt < LONG_ONLY)
			opt_misuse("unknown option -%c", optopt);
		if (c == '?')
			opt_misuse("unknown or ambiguous option %s, or a value it does not take", argv[optind - 1]);
		if (c >= LONG_ONLY)
			i = (size_t)(c - LONG_ONLY);
		else
			while (all[i]->letter != c)
				i++;
		set(all[i], optarg);
	}
	if (help)
		print_help(t, all, n);
	if (version)
		print_version(t);
	if (quiet && verbose_)
		opt_misuse("-q and -v exclude each other");
	msg_level = quiet ? MSG_QUIET : verbose_ ? MSG_VERBOSE : MSG_NORMAL;
	args = argc - optind;
	if (args < t->min_args)
		opt_misuse("an operand is missing: usage: %s %s", t->name, t->synopsis);
	if (t->max_args != -1 && args > t->max_args)
		opt_misuse("unexpected operand '%s'", argv[optind + t->max_args]);
	memmove(argv, argv + optind, (size_t)args * sizeof *argv);
	argv[args] = NULL;
	free(all);
	free(longs);
	free(shorts);
	return args;
}

int
opt_jobs(int64_t given)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (given != 0)
		return (int)given;
	return cpus < 1 ? 1 : cpus < MOST_JOBS ? (int)cpus : MOST_JOBS;
}
