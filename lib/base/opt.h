/*
 * opt.h - command lines from one table.
 *
 * A tool describes its options once; parsing (getopt_long), --help and the shell
 * completions (made from --help by scripts/completions.sh) all come from that
 * table.  Every tool also has -h, -V, -q and -v without listing them.  opt_parse ends the process on
 * misuse (status 2), -h and -V (status 0).
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_kind {
	OPT_FLAG_,		/* bool *: set to true */
	OPT_STRING_,		/* const char **; min 1: not empty */
	OPT_LIST_,		/* struct opt_list *: each use adds one */
	OPT_NUMBER_,		/* int64_t *: min..max */
	OPT_SIZE_,		/* int64_t *: bytes, 64K 100M 1G */
	OPT_DURATION_,		/* int64_t *: milliseconds */
	OPT_TIME_,		/* struct opt_time * */
	OPT_CHOICE_,		/* int *: index in choices */
};

struct opt_list {
	const char **v;		/* borrowed from argv; the array is owned and lives as long as the process */
	size_t n, cap;
};

struct opt_time {
	bool	set;
	int64_t	ms;
};

struct opt {
	enum opt_kind kind;
	int	 letter;	/* 0: long only */
	const char *name, *arg, *help;	/* arg: NULL for flags */
	void	*to;
	int64_t	 min, max;
	const char *choices;	/* "auto|v1|v2" */
};

#define OPT_FLAG(l, n, to, h)			{ OPT_FLAG_, l, n, NULL, h, to, 0, 0, NULL }
#define OPT_STRING(l, n, a, to, h)		{ OPT_STRING_, l, n, a, h, to, 0, 0, NULL }
#define OPT_NAME(l, n, a, to, h)		{ OPT_STRING_, l, n, a, h, to, 1, 0, NULL }
#define OPT_LIST(l, n, a, to, h)		{ OPT_LIST_, l, n, a, h, to, 0, 0, NULL }
#define OPT_NUMBER(l, n, to, min, max, h)	{ OPT_NUMBER_, l, n, "N", h, to, min, max, NULL }
#define OPT_SIZE(l, n, to, min, max, h)		{ OPT_SIZE_, l, n, "SIZE", h, to, min, max, NULL }
#define OPT_DURATION(l, n, to, h)		{ OPT_DURATION_, l, n, "D", h, to, 0, 0, NULL }
#define OPT_TIME(l, n, to, h)			{ OPT_TIME_, l, n, "T", h, to, 0, 0, NULL }
#define OPT_CHOICE(l, n, c, to, h)		{ OPT_CHOICE_, l, n, c, h, to, 0, 0, c }

struct tool {
	const char *name;
	const char *synopsis;	/* what follows the name in the usage line */
	const char *summary;	/* one sentence */
	const char *example;	/* lines to show, without indent */
	const char *environment;	/* lines "NAME  meaning", or NULL */
	const struct opt *opts;
	size_t n_opts;
	int min_args, max_args;	/* operands; max -1: any number */
};

/*
 * Parse argv.  Operands are left in argv[0 .. returned - 1].  The tables and the
 * strings of argv are borrowed for the life of the process.
 */
int	opt_parse(const struct tool *tool, int argc, char *argv[]);

/* A number as options take it, with units a size ("100M").  False: none. */
bool	opt_parse_number(const char *s, bool units, int64_t *value);

/* The threads to use: those of --jobs, or (0) the CPUs online, at most 4. */
int	opt_jobs(int64_t given);

/* Say what is wrong and where help is, and exit with status 2. */
void	opt_misuse(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
