#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

char *
buf_reserve(struct buf *b, size_t len)
{
	if (len > SIZE_MAX - b->len - BUF_PAD || (b->max != 0 && len > b->max - b->len)) {
		b->full = true;
		return NULL;
	}
	b->p = mem_grow(b->p, &b->cap, b->len + len + BUF_PAD, 1);
	return b->p + b->len;
}

void
buf_add(struct buf *b, const void *p, size_t len)
{
	char *to = buf_reserve(b, len);

	if (to == NULL || len == 0)
		return;
	memcpy(to, p, len);
	b->len += len;
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n <= 0 || (to = buf_reserve(b, (size_t)n)) == NULL)	/* the padding has room for the NUL */
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_pad(struct buf *b)
{
	b->p = mem_grow(b->p, &b->cap, b->len + BUF_PAD, 1);
	memset(b->p + b->len, 0, BUF_PAD);
	b->p[b->len] = '\n';
}

const char *
buf_str(struct buf *b)
{
	b->p = mem_grow(b->p, &b->cap, b->len + BUF_PAD, 1);
	b->p[b->len] = '\0';
	return b->p;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->full = false;
}

void
buf_free(struct buf *b)
{
	free(b->p);
	memset(b, 0, sizeof *b);
}

void
buf_one_line(struct buf *b, size_t from)
{
	for (size_t i = from; i < b->len; i++)
		if ((unsigned char)b->p[i] < ' ')
			b->p[i] = ' ';
}
