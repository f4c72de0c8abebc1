#include "ndjson/reject.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/msg.h"

#define NAMED 10
#define HOLD (64u << 10)	/* bytes kept before they are written */

int
rejects_open(struct rejects *r, const char *path)
{
	*r = (struct rejects){ .path = path, .fd = -1 };
	if (path == NULL)
		return 0;
	/* Rejected records may hold anything that the log holds: for the owner only. */
	r->fd = io_open_lines(path);
	return r->fd == -1 ? -1 : 0;
}

void
rejects_check(const struct rejects *r, const char *operand)
{
	if (io_is(r->fd, operand))
		die(ST_USAGE, "--rejects: %s is read as well; name another file", r->path);
}

void
rejects_flush(struct rejects *r)
{
	if (r->out.len != 0 && io_write(r->fd, r->out.p, r->out.len) == -1)
		die(ST_FAILED, "%s: %s", r->path, strerror(errno));
	buf_clear(&r->out);
}

void
rejects_more(struct rejects *r, const char *text, size_t len)
{
	if (r->fd == -1)
		return;
	buf_add(&r->out, text, len);
	if (r->out.len > HOLD)
		rejects_flush(r);
}

void
rejects_add(struct rejects *r, const char *file, uint64_t line, size_t column, const char *reason, const char *text,
    size_t len)
{
	r->n++;
	if (r->silent)
		;
	else if (r->n <= NAMED && column != 0)
		warn("%s:%llu:%zu: %s", file, (unsigned long long)line, column, reason);
	else if (r->n <= NAMED && line != 0)
		warn("%s:%llu: %s", file, (unsigned long long)line, reason);
	else if (r->n <= NAMED)
		warn("%s: %s", file, reason);
	rejects_more(r, text, len);
	if (len != 0 && text[len - 1] != '\n' && r->fd != -1)
		buf_addc(&r->out, '\n');
}

int
rejects_close(struct rejects *r)
{
	if (r->n > NAMED)
		warn("%llu more lines were rejected, %llu in all", (unsigned long long)(r->n - NAMED),
		    (unsigned long long)r->n);
	if (r->fd == -1)
		return 0;
	rejects_flush(r);
	buf_free(&r->out);
	return close(r->fd);
}
