/*
 * inside.h - what the parts of the store share: its writer and its readers' connections.  For lib/trace only.
 */
#ifndef TRACE_INSIDE_H
#define TRACE_INSIDE_H

#include <pthread.h>
#include <stdbool.h>

#include "json/str.h"
#include "trace/conn.h"
#include "trace/store.h"

/* Something to write.  Several share a commit; when that fails, each is tried alone. */
struct op {
	struct op *next;
	/*
	 * Within a transaction, in the writer's thread; maybe twice, when the first one was rolled back.  STORE_FAILED: the
	 * connection has the words.
	 */
	enum store_result (*run)(struct trace_store *s, struct conn *c, struct op *op);
	/* It is on the disk, or failed; from the writer's thread. */
	void	(*done)(struct trace_store *s, struct op *op);
	void	*arg;			/* of done */
	size_t	 weight;		/* bytes */
	enum store_result result;
	struct buf error;		/* owned by whoever frees the op */
};

struct trace_store {
	char	*path;			/* owned */
	/* The writer's. */
	struct conn writer;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct op *first, **last;	/* waiting */
	bool	 ending;
	int64_t	 clock;			/* microseconds; the last value of records.changed */
	struct store_counts counts;
	void	(*watch)(void *arg, const struct trace *t);
	void	*watch_arg;
	/* The readers'. */
	pthread_mutex_t readers;
	pthread_cond_t spare;
	struct conn *idle;
	unsigned n_readers, n_searches;
};

/* writer.c */
bool	writer_start(struct trace_store *s, struct buf *error);
void	writer_stop(struct trace_store *s);
void	writer_put(struct trace_store *s, struct op *op);
/* Waits until it has been done; the words of a failure go to error. */
enum store_result writer_wait(struct trace_store *s, struct op *op, struct buf *error);
/* The same in parts, for who has a done of its own: what waiting_end waits for, and frees. */
struct waiting *waiting_new(void);
void	waiting_wake(struct waiting *w);
void	waiting_end(struct waiting *w);
/* A time that is behind all others. */
int64_t	writer_clock(struct trace_store *s);

/* reader.c: a connection in a read transaction: all that it sees is of one moment. */
struct conn *reader_take(struct trace_store *s, struct buf *error);
void	reader_give(struct trace_store *s, struct conn *c);
/* Gives it back and returns r; the words of a failure go to error. */
enum store_result reader_end(struct trace_store *s, struct conn *c, enum store_result r, struct buf *error);
void	readers_close(struct trace_store *s);

/* A new id; the ids of later moments sort behind it, so that the index grows at its end. */
void	new_id(int64_t us, char out[UUID_SIZE]);
/* The texts of a page; of the rows behind them they are left out. */
#define PAGE_BYTES	((size_t)64 << 20)
/* {"data":[rows],"total":...,more} */
void	put_page(const struct buf *rows, int64_t total, struct page p, const char *more, struct buf *out);
/* How many rows are in front of it. */
int64_t	page_offset(struct page p);
/* ,"name":text */
void	put_text(const char *name, struct span text, struct buf *out);

#endif
