/*
 * keys.c - the header into keys: all different, none empty, and the same for the same header.
 *
 * The first column with a name gets it; one that comes again gets _2, _3, ... (whatever is free), and one
 * without a name its letters.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/str.h"
#include "sheet-fetch/fetch.h"
#include "store/keymap.h"
#include "store/keyset.h"

static struct keyset taken;
static struct keyseed seed;
static struct keymap numbers;		/* of a name, the one that was given last */

static bool
take(const char *name, size_t len)
{
	return keyset_add(&taken, fingerprint_text(seed, (struct span){ name, len }));
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A header is often broken into lines for its looks: blanks of any kind become one, and none at the ends. */
static void
squeeze(struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (!is_blank(b->p[i]))
			b->p[n++] = b->p[i];
		else if (n != 0 && !is_blank(b->p[n - 1]))
			b->p[n++] = ' ';
	}
	b->len = n != 0 && is_blank(b->p[n - 1]) ? n - 1 : n;
}

/* As it is, or with the first number behind it that makes it new. */
static void
make_new(struct buf *name)
{
	size_t len = name->len;
	unsigned i = 1;
	struct span last;

	if (keymap_get(&numbers, (struct span){ name->p, len }, &last))
		memcpy(&i, last.p, sizeof i);
	while (!take(name->p, name->len)) {
		name->len = len;
		buf_addf(name, "_%u", ++i);
	}
	keymap_put(&numbers, (struct span){ name->p, len }, (struct span){ (const char *)&i, sizeof i });
}

static void
set_key(struct key *k, const struct buf *name, bool named)
{
	struct buf text = { 0 };

	k->name = mem_dup(name->p, name->len);
	k->len = name->len;
	k->named = named;
	buf_addc(&text, ',');
	json_encode(name->p, name->len, &text);
	buf_addc(&text, ':');
	k->text = text.p;
	k->text_len = text.len;
}

/* The first of each name. */
static void
name_first(struct key *k, struct span cell, struct buf *name)
{
	buf_clear(name);
	if (cell.len != 0)
		grid_text(cell, name);
	squeeze(name);
	if (name->len != 0 && take(name->p, name->len))
		set_key(k, name, true);
}

static void
name_rest(struct key *k, struct span cell, uint32_t column, struct buf *name)
{
	bool named;

	buf_clear(name);
	if (cell.len != 0)
		grid_text(cell, name);
	squeeze(name);
	named = name->len != 0;
	if (!named)
		column_put(column, name);
	make_new(name);
	set_key(k, name, named);
}

struct key *
keys_make(const struct span *header, size_t n, uint32_t first)
{
	struct key *keys = mem_zero(n, sizeof *keys);
	struct buf name = { 0 };

	seed = keyseed_random();
	keyset_init(&taken, 0);
	if (opts.all_sheets)
		take("_sheet", 6);
	if (opts.row_numbers)
		take("_row", 4);
	for (size_t i = 0; i < n; i++)
		name_first(&keys[i], header[i], &name);
	for (size_t i = 0; i < n; i++)
		if (keys[i].name == NULL)
			name_rest(&keys[i], header[i], first + (uint32_t)i, &name);
	keyset_free(&taken);
	keymap_free(&numbers);
	buf_free(&name);
	return keys;
}

void
keys_free(struct key *keys, size_t n)
{
	for (size_t i = 0; keys != NULL && i < n; i++) {
		free(keys[i].name);
		free(keys[i].text);
	}
	free(keys);
}

/* ---- --dates ---- */

static uint64_t found;			/* bit by bit, the first 64 of --dates; later ones count as found */

/* By its key, else by its letters: in capitals, or "d" would be column D where no header is "d". */
static struct key *
key_named(struct key *keys, size_t n, uint32_t first, const char *name, size_t len)
{
	uint32_t column = column_parse(name, len);

	for (size_t i = 0; i < n; i++)
		if (keys[i].len == len && memcmp(keys[i].name, name, len) == 0)
			return &keys[i];
	for (size_t i = 0; i < len; i++)
		if (name[i] >= 'a')
			return NULL;
	return column < first || column - first >= n ? NULL : &keys[column - first];
}

void
keys_mark_dates(struct key *keys, size_t n, uint32_t first)
{
	unsigned at = 0;

	for (const char *p = opts.dates; p != NULL; at++) {
		size_t len = strcspn(p, ",");
		struct key *k = key_named(keys, n, first, p, len);

		if (k != NULL)
			k->date = true;
		if (k != NULL && at < 64)
			found |= UINT64_C(1) << at;
		p = p[len] == ',' ? p + len + 1 : NULL;
	}
}

char *
keys_unknown_date(void)
{
	unsigned at = 0;

	for (const char *p = opts.dates; p != NULL && at < 64; at++) {
		size_t len = strcspn(p, ",");

		if ((found >> at & 1) == 0)
			return mem_dup(p, len);
		p = p[len] == ',' ? p + len + 1 : NULL;
	}
	return NULL;
}
