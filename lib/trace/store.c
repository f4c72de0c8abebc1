#include "trace/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "trace/inside.h"

/* A new database is for its owner only: traces may hold anything. */
static bool
create(const char *path, struct buf *error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd != -1)
		(void)close(fd);
	else if (errno != EEXIST)
		buf_adds(error, strerror(errno));
	return fd != -1 || errno == EEXIST;
}

/* As a file's, whatever it is: of the names of SQLite, ":memory:" would be a database that keeps nothing. */
static char *
file_name(const char *path)
{
	struct buf b = { 0 };

	buf_addf(&b, "%s%s", path[0] == ':' ? "./" : "", path);
	buf_addc(&b, '\0');
	return b.p;
}

struct trace_store *
trace_store_open(const char *path, struct buf *error)
{
	struct trace_store *s;

	if (!create(path, error))
		return NULL;
	s = mem_zero(1, sizeof *s);
	s->path = file_name(path);
	if (!writer_start(s, error)) {
		free(s->path);
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->readers, NULL);
	pthread_cond_init(&s->spare, NULL);
	return s;
}

struct store_counts
trace_store_close(struct trace_store *s)
{
	struct store_counts counts;

	readers_close(s);
	writer_stop(s);		/* the last connection: its end takes the log into the database */
	counts = s->counts;
	pthread_mutex_destroy(&s->readers);
	pthread_cond_destroy(&s->spare);
	free(s->path);
	free(s);
	return counts;
}

void
trace_store_watch(struct trace_store *s, void (*fn)(void *arg, const struct trace *t), void *arg)
{
	s->watch = fn;
	s->watch_arg = arg;
}
