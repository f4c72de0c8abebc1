#include "store/gzip.h"

#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/io.h"
#include "base/mem.h"

#define LEAST	(GZIP_BLOCK / 2)		/* bytes ahead before a member is tried: a block of ours that became half as large */
#define WINDOW	(GZIP_BLOCK + LEAST)		/* room for one that did not become smaller */
#define HEADER	10				/* of a member, without its optional fields */
#define VAIN_FREE	(64u << 20)		/* bytes that may be inflated in vain, */
#define VAIN_EACH	64			/* and this many more for each byte of the file */

enum state {
	BOUNDARY,		/* a member or the end should come */
	STREAM,			/* in a member, with zlib */
	SEARCH,			/* behind damage */
	END,
};

struct gunzip {
	int	 fd;		/* borrowed */
	enum state state;
	unsigned char *in;	/* the window, WINDOW bytes */
	size_t	 at, len;	/* what is left of it is [at, len) */
	uint64_t base;		/* the place of in[0] in the file */
	bool	 ended;		/* nothing can be read behind the window */
	uint64_t member;	/* the place where the last member began */
	uint64_t members;	/* that ended well */
	unsigned char *out;
	size_t	 out_at, out_len, out_cap;
	struct libdeflate_decompressor *fast;
	z_stream z;
	bool	 z_ready;
	uint64_t vain;		/* bytes inflated of what was damaged, or no member at all */
	char	 error[96];
};

/* ---- memory ---- */

static void
use_our_memory(void)
{
	libdeflate_set_memory_allocator(mem_alloc, free);
}

/* Running out of memory is then the same everywhere. */
static void
init_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, use_our_memory);
}

static void *
z_alloc(void *opaque, uInt n, uInt size)
{
	(void)opaque;
	return mem_zero(n, size);
}

static void
z_free(void *opaque, void *p)
{
	(void)opaque;
	free(p);
}

struct gunzip *
gunzip_new(int fd)
{
	struct gunzip *g = mem_zero(1, sizeof *g);

	init_once();
	g->fd = fd;
	g->in = mem_alloc(WINDOW);
	g->out_cap = GZIP_BLOCK;
	g->fast = libdeflate_alloc_decompressor();
	return g;
}

void
gunzip_free(struct gunzip *g)
{
	if (g == NULL)
		return;
	if (g->z_ready)
		inflateEnd(&g->z);
	libdeflate_free_decompressor(g->fast);
	free(g->in);
	free(g->out);
	free(g);
}

const char *
gunzip_error(const struct gunzip *g)
{
	return g->error;
}

/* ---- the window ---- */

static uint64_t
place(const struct gunzip *g)
{
	return g->base + g->at;
}

/* Move what is left to the front and read until the window is full or the file ends.  Returns 0, or -1 with errno. */
static int
fill(struct gunzip *g)
{
	if (g->ended)
		return 0;
	memmove(g->in, g->in + g->at, g->len - g->at);
	g->base += g->at;
	g->len -= g->at;
	g->at = 0;
	while (g->len < WINDOW) {
		ssize_t n = io_read_file(g->fd, g->in + g->len, WINDOW - g->len);

		if (n == -1)
			return -1;
		if (n == 0) {
			g->ended = true;
			break;
		}
		g->len += (size_t)n;
	}
	return 0;
}

static int
need(struct gunzip *g, size_t len)
{
	return g->len - g->at < len ? fill(g) : 0;
}

/* Stand at this place of the file again, or at the first one behind it that is still there. */
static void
go_back(struct gunzip *g, uint64_t to)
{
	to = to > g->base ? to - g->base : 0;
	g->at = to < g->len ? (size_t)to : g->len;
}

static void
need_out(struct gunzip *g)
{
	if (g->out == NULL)
		g->out = mem_alloc(g->out_cap);
}

/* ---- zlib ---- */

/* Begin a member, or try one, at the window's place. */
static void
stream_begin(struct gunzip *g)
{
	if (g->z_ready) {
		inflateReset(&g->z);
		return;
	}
	g->z.zalloc = z_alloc;
	g->z.zfree = z_free;
	if (inflateInit2(&g->z, 15 + 16) != Z_OK)	/* gzip only */
		mem_none();
	g->z_ready = true;
}

static int
inflate_into(struct gunzip *g, void *p, size_t len)
{
	g->z.next_out = p;
	g->z.avail_out = len < GZIP_MEMBER ? (uInt)len : GZIP_MEMBER;
	return inflate(&g->z, Z_NO_FLUSH);
}

/* ---- damage ---- */

/*
 * A wrong code is noticed late, perhaps in the next member, so the search begins right behind the start of the damaged
 * one.  Not after a large one, which would be read again and again in a file made for that.
 */
static ssize_t
damaged(struct gunzip *g, uint64_t at, const char *why)
{
	snprintf(g->error, sizeof g->error, "damaged at byte %llu: %s", (unsigned long long)at, why);
	if (g->state != STREAM || g->z.total_out <= GZIP_MEMBER) {
		g->vain += g->state == STREAM ? g->z.total_out : 0;
		go_back(g, g->member + 1);
	}
	g->state = SEARCH;
	errno = EBADMSG;
	return -1;
}

static bool
is_magic(const unsigned char *p)
{
	return p[0] == 0x1f && p[1] == 0x8b && p[2] == 8 && (p[3] & 0xe0) == 0;
}

/*
 * Does a member begin here?  It must inflate with the right checksum; of a large one, as much as the
 * window holds or GZIP_MEMBER must inflate, which nothing else does by chance.
 */
static bool
inflates(struct gunzip *g)
{
	uint64_t made = 0;
	int r;

	need_out(g);
	stream_begin(g);
	g->z.next_in = g->in + g->at;
	g->z.avail_in = (uInt)(g->len - g->at);
	do {
		r = inflate_into(g, g->out, g->out_cap);
		made += g->out_cap - g->z.avail_out;
	} while (r == Z_OK && made < GZIP_MEMBER);
	g->vain += made + (g->len - g->at - g->z.avail_in);
	if (r == Z_BUF_ERROR)		/* more input is wanted */
		return !g->ended;
	return r == Z_OK || r == Z_STREAM_END;
}

/* A file made to waste time has many members that break off late: each is paid for, and then some are passed over. */
static bool
may_try(const struct gunzip *g)
{
	return g->vain <= VAIN_FREE + place(g) * VAIN_EACH;
}

/* Find the next member that can be read.  Returns 0, or -1 with errno. */
static int
search(struct gunzip *g)
{
	for (;;) {
		const unsigned char *p;

		if (need(g, HEADER) == -1)
			return -1;
		if (g->len - g->at < HEADER) {
			g->state = END;
			return 0;
		}
		p = memchr(g->in + g->at, 0x1f, g->len - g->at - HEADER + 1);
		g->at = p != NULL ? (size_t)(p - g->in) : g->len - HEADER + 1;
		if (p == NULL)
			continue;
		if (is_magic(p) && may_try(g)) {
			if (need(g, LEAST) == -1)
				return -1;
			if (inflates(g)) {
				g->state = BOUNDARY;
				return 0;
			}
		}
		g->at++;
	}
}

/* ---- members ---- */

/* Returns data, 0 at the end of the member, or -1 with errno. */
static ssize_t
stream(struct gunzip *g, void *p, size_t len)
{
	for (;;) {
		size_t room;
		int r;

		if (need(g, 1) == -1)
			return -1;
		g->z.next_in = g->in + g->at;
		g->z.avail_in = (uInt)(g->len - g->at);
		r = inflate_into(g, p, len);
		room = len < GZIP_MEMBER ? len : GZIP_MEMBER;
		g->at = g->len - g->z.avail_in;
		if (r == Z_STREAM_END) {
			g->state = BOUNDARY;
			g->members++;
		}
		if (g->z.avail_out < room)
			return (ssize_t)(room - g->z.avail_out);	/* an error comes again by itself */
		if (r == Z_STREAM_END)
			return 0;
		if (r != Z_OK && r != Z_BUF_ERROR)
			return damaged(g, place(g), g->z.msg != NULL ? g->z.msg : "not deflate data");
		if (g->at == g->len && g->ended)
			return damaged(g, place(g), "the file is cut short");
	}
}

/* Where a whole member goes: to the caller, or once that is too small to out. */
struct room {
	unsigned char *p;
	size_t	 len;
};

/* False: out is as large as it gets. */
static bool
more_room(struct gunzip *g, struct room *room)
{
	size_t want = g->out_cap;

	while (want <= room->len)
		want *= 2;
	if (want > GZIP_MEMBER)
		return false;
	if (want != g->out_cap) {
		free(g->out);
		g->out = NULL;
		g->out_cap = want;
	}
	need_out(g);
	*room = (struct room){ g->out, g->out_cap };
	return true;
}

/* Inflate a member that lies in the window in one call.  *made: bytes, where it was done; else zlib has to say what it is. */
static int
whole_member(struct gunzip *g, struct room *room, size_t *made, bool *done)
{
	size_t used;

	for (;;) {
		switch (libdeflate_gzip_decompress_ex(g->fast, g->in + g->at, g->len - g->at, room->p, room->len, &used, made)) {
		case LIBDEFLATE_SUCCESS:
			g->at += used;
			g->members++;
			*done = true;
			return 0;
		case LIBDEFLATE_INSUFFICIENT_SPACE:
			if (!more_room(g, room))
				return 0;
			break;
		case LIBDEFLATE_BAD_DATA:	/* or its end is not in the window */
		case LIBDEFLATE_SHORT_OUTPUT:
			if (g->ended || g->len - g->at == WINDOW)
				return 0;
			if (fill(g) == -1)
				return -1;
			break;
		}
	}
}

/* Zeros up to the end are padding (tapes, preallocated blocks); before something they are a hole. */
static ssize_t
padding(struct gunzip *g)
{
	uint64_t from = place(g);

	for (;;) {
		while (g->at < g->len && g->in[g->at] == 0)
			g->at++;
		if (g->at < g->len)
			return damaged(g, from, "zeros, and more behind them");
		if (g->ended) {
			g->state = END;
			return 0;
		}
		if (fill(g) == -1)
			return -1;
	}
}

/* Returns data, 0 (out holds the member, or the state has changed), or -1 with errno. */
static ssize_t
next_member(struct gunzip *g, void *p, size_t len)
{
	struct room room = { len < GZIP_BLOCK ? NULL : p, len < GZIP_BLOCK ? 0 : len };
	size_t made;
	bool done = false;

	if (need(g, LEAST) == -1)
		return -1;
	g->member = place(g);
	if (g->at == g->len && g->members > 0) {
		g->state = END;
		return 0;
	}
	if (g->at == g->len)
		return damaged(g, place(g), "the file is empty");
	if (g->in[g->at] == 0 && g->members > 0)
		return padding(g);
	if (g->in[g->at] != 0x1f)
		return damaged(g, place(g), g->members > 0 ? "garbage behind the data" : "not gzip data");
	if (room.p == NULL)
		(void)more_room(g, &room);
	if (whole_member(g, &room, &made, &done) == -1)
		return -1;
	if (done && room.p == p)
		return (ssize_t)made;
	if (done) {
		g->out_at = 0;
		g->out_len = made;
	} else {
		stream_begin(g);
		g->state = STREAM;
	}
	return 0;
}

ssize_t
gunzip_read(struct gunzip *g, void *p, size_t len)
{
	if (len == 0)
		return 0;
	while (g->out_at == g->out_len) {
		ssize_t n = 0;

		switch (g->state) {
		case BOUNDARY:
			n = next_member(g, p, len);
			break;
		case STREAM:
			n = stream(g, p, len);
			break;
		case SEARCH:
			n = search(g);
			break;
		case END:
			return 0;
		}
		if (n != 0)
			return n;
	}
	if (len > g->out_len - g->out_at)
		len = g->out_len - g->out_at;
	memcpy(p, g->out + g->out_at, len);
	g->out_at += len;
	return (ssize_t)len;
}

/* ---- writing ---- */

struct gzip {
	struct libdeflate_compressor *c;
	struct libdeflate_decompressor *d;	/* for gzip_holds; NULL until then */
	unsigned char *out;
	size_t	 cap;
};

struct gzip *
gzip_new(int level)
{
	struct gzip *z = mem_zero(1, sizeof *z);

	init_once();
	z->c = libdeflate_alloc_compressor(level);
	if (z->c == NULL)
		mem_none();	/* the level is ours */
	return z;
}

size_t
gzip_bound(struct gzip *z, size_t len)
{
	return libdeflate_gzip_compress_bound(z->c, len);
}

size_t
gzip_block(struct gzip *z, const void *p, size_t len, void *out)
{
	return libdeflate_gzip_compress(z->c, p, len, out, gzip_bound(z, len));
}

bool
gzip_holds(struct gzip *z, const void *member, size_t size, const void *p, size_t len)
{
	size_t used, made;

	if (z->d == NULL)
		z->d = libdeflate_alloc_decompressor();
	if (z->cap < len + 1) {		/* room for nothing, and to see that there is more */
		free(z->out);
		z->cap = len + 1;
		z->out = mem_alloc(z->cap);
	}
	return libdeflate_gzip_decompress_ex(z->d, member, size, z->out, z->cap, &used, &made) == LIBDEFLATE_SUCCESS &&
	    used == size && made == len && memcmp(z->out, p, len) == 0;
}

void
gzip_free(struct gzip *z)
{
	if (z == NULL)
		return;
	libdeflate_free_compressor(z->c);
	libdeflate_free_decompressor(z->d);
	free(z->out);
	free(z);
}
