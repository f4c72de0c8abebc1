/*
 * line.h - check lines, and read them one at a time.
 *
 * filter.h serves tools that treat each record by itself; this one serves those that gather records
 * (batches) before they act.
 */
#ifndef NDJSON_LINE_H
#define NDJSON_LINE_H

#include "json/scan.h"
#include "ndjson/reader.h"
#include "ndjson/reject.h"

#define LINE_TOO_LONG "longer than --max-line"

/* One valid record. */
struct record {
	struct span line;		/* with its newline */
	struct span text;		/* from '{' to '}' */
	const struct scan *scan;	/* its members */
};

/* Blank up to its newline? */
bool	line_is_empty(const char *p);

/*
 * Check the line at p, in a padded block that ends at end.  Fills *line (with its newline)
 * always, and returns NULL for a valid record, else why not (static text) and
 * *at, the byte that it is about (NULL: the whole line).  utf8_ok: the block is known to be UTF-8.
 */
const char *line_check(struct scan *s, const char *p, const char *end, bool utf8_ok, size_t max_line,
	    struct span *line, const char **at);

struct lines {
	struct reader in;
	const char *name;	/* of the input, for messages; borrowed */
	struct rejects *rejects;	/* borrowed */
	uint64_t line;		/* of the record, 1-based */
	uint64_t records;
	struct buf block;
	const char *p;		/* the next line in block */
	bool	 utf8_ok, in_long;
	struct scan scan;
};

enum line_status { LINE_RECORD, LINE_REJECTED, LINE_IDLE, LINE_END, LINE_ERROR };

void	lines_init(struct lines *l, int fd, const char *name, size_t max_line, struct rejects *rejects);
/*
 * The next record, valid until the next call; bad lines go to rejects and are told as
 * LINE_REJECTED.  LINE_IDLE after l->in.timeout_ms, LINE_ERROR with errno.
 */
enum line_status lines_next(struct lines *l, struct record *r);
void	lines_free(struct lines *l);

/*
 * The same for an operand: open it ("-" is stdin), and close it again.  lines_open returns 0, or -1 with errno and nothing to close;
 * l->name is what messages call it either way.  The file of the rejects as an operand is misuse.
 */
int	lines_open(struct lines *l, const char *operand, size_t max_line, struct rejects *rejects) __attribute__((warn_unused_result));
void	lines_close(struct lines *l);

#endif
