/* test_scan - the JSON scanner: what it takes, where it points, that all its paths agree */

#include "unit.h"

#include "../fuzz/reference.c"

/* column: of the error, 1-based; 0: valid as a record. */
static const struct {
	const char *text;
	int column;
} table[] = {
	{ "{}", 0 }, { " {} ", 0 }, { "\t{\t}\r", 0 }, { "{\"a\":1}", 0 }, { "{ \"a\" : 1 , \"b\" : [ ] }", 0 },
	{ "{\"\":\"\"}", 0 }, { "{\"a\":1,\"a\":2}", 0 }, { "{\"a\":{\"b\":{\"c\":[[[{}]]]}}}", 0 },
	{ "{\"a\":[1,\"x\",null,true,false,{},[]]}", 0 },
	{ "{\"a\":0}", 0 }, { "{\"a\":-0}", 0 }, { "{\"a\":-0.0e-0}", 0 }, { "{\"a\":1E+2}", 0 }, { "{\"a\":1e400}", 0 },
	{ "{\"a\":123456789012345678901234567890.5}", 0 }, { "{\"a\":10}", 0 },
	{ "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"}", 0 }, { "{\"a\":\"\\ud83d\\ude00\"}", 0 },
	{ "{\"a\":\"\\ud800\"}", 0 }, { "{\"a\":\"\\udc00\\ud800x\"}", 0 }, { "{\"\\u0061\":1}", 0 },
	{ "{\"a\":\"\x7f\"}", 0 }, { "{\"a\":\"\xe4\xb8\xad\"}", 0 },
	/* what is no object */
	{ "[]", 1 }, { "1", 1 }, { "\"x\"", 1 }, { "null", 1 }, { "", 1 }, { "  ", 3 }, { "x", 1 }, { "-", 1 }, { "}", 1 },
	/* structure */
	{ "{", 2 }, { "{}}", 3 }, { "{}{}", 3 }, { "{} x", 4 }, { "{]", 2 }, { "{,}", 2 }, { "{\"a\"}", 5 }, { "{\"a\":}", 6 },
	{ "{\"a\":1,}", 8 }, { "{\"a\":1 \"b\":2}", 8 }, { "{\"a\" 1}", 6 }, { "{\"a\"::1}", 6 }, { "{a:1}", 2 }, { "{'a':1}", 2 },
	{ "{1:1}", 2 }, { "{\"a\":1", 7 }, { "{\"a\":[1,]}", 9 }, { "{\"a\":[,1]}", 7 }, { "{\"a\":[1 2]}", 9 },
	{ "{\"a\":[1}}", 8 }, { "{\"a\":{]}", 7 }, { "{\"a\":[", 7 }, { "{\"a\":[}", 7 }, { "{\"a\"", 5 }, { "{\"a\":", 6 },
	{ "{\"a\":1}/**/", 8 }, { "{/**/}", 2 }, { "{\"a\":1}\f", 8 }, { "\f{}", 1 }, { "{\"a\":\v1}", 6 },
	{ "\xef\xbb\xbf{}", 1 }, { "{\"a\":\xc2\xa0" "1}", 6 },
	/* literals */
	{ "{\"a\":tru}", 6 }, { "{\"a\":truex}", 10 }, { "{\"a\":True}", 6 }, { "{\"a\":nul", 6 }, { "{\"a\":nulll}", 10 },
	{ "{\"a\":NaN}", 6 }, { "{\"a\":Infinity}", 6 }, { "{\"a\":undefined}", 6 }, { "{\"a\":falsefalse}", 11 },
	/* numbers */
	{ "{\"a\":01}", 7 }, { "{\"a\":-}", 6 }, { "{\"a\":-01}", 8 }, { "{\"a\":+1}", 6 }, { "{\"a\":.5}", 6 }, { "{\"a\":1.}", 6 },
	{ "{\"a\":1.e1}", 6 }, { "{\"a\":1e}", 6 }, { "{\"a\":1e+}", 6 }, { "{\"a\":0x10}", 7 }, { "{\"a\":1_000}", 7 },
	{ "{\"a\":1.2.3}", 9 }, { "{\"a\":--1}", 6 }, { "{\"a\":-Infinity}", 6 }, { "{\"a\":1", 7 }, { "{\"a\":1e1.5}", 9 },
	/* strings */
	{ "{\"a\":\"x}", 9 }, { "{\"a\":\"\\x\"}", 7 }, { "{\"a\":\"\\u12g4\"}", 7 }, { "{\"a\":\"\\u123\"}", 7 },
	{ "{\"a\":\"\\U0041\"}", 7 }, { "{\"a\":\"\\", 7 }, { "{\"a\":\"\\\"}", 10 }, { "{\"a\":\"\t\"}", 7 }, { "{\"a\":\"\x01\"}", 7 },
	{ "{\"a\":\"\x1f\"}", 7 }, { "{\"a\":\"\\u0041\\q\"}", 13 }, { "{\"a\":'x'}", 6 }, { "{\"\\x\":1}", 3 }, { "{\"a", 4 },
	{ "{\"a\":\"\\u", 7 }, { "{\"a\":\"\\u0", 7 }, { "{\"a\":\"\\ud83d\\u\"}", 13 }, { "{\"a\":\"\\0\"}", 7 },
};

static void
one(struct scan *s, struct buf *b, size_t i)
{
	const char *p = put_line(b, table[i].text, strlen(table[i].text));
	const char *end = scan_record(s, p);
	int column = end != NULL ? 0 : (int)(s->at - p) + 1;

	if (column != table[i].column)
		fail_msg("%s: column %d, not %d (%s)", table[i].text, column, table[i].column, s->error);
	if (end != NULL) {
		assert_ptr_equal(end, p + b->len);
		assert_null(s->error);
	} else {
		assert_non_null(s->error);
	}
}

static void
records(void **state)
{
	struct scan s = { 0 };
	struct buf b = { 0 };

	(void)state;
	for (size_t path = 0; scan_force(path); path++) {
		for (size_t i = 0; i < N_OF(table); i++)
			one(&s, &b, i);
	}
	scan_force_portable(false);
	buf_free(&b);
	scan_free(&s);
}

static void
values(void **state)
{
	static const char *const good[] = { "1", "-1.5e3", "\"x\"", "null", "true", "false", "[]", "[1,2]", "{}", " 1 ", "[{\"a\":[]}]" };
	static const char *const bad[] = { "", " ", "1 2", "1,", "nul", "\"x", "[", "]", "[1,", "-", "tru e", "1]", "{\"a\"}" };
	struct scan s = { 0 };
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(good); i++)
		assert_non_null(scan_value(&s, put_line(&b, good[i], strlen(good[i]))));
	for (size_t i = 0; i < N_OF(bad); i++)
		if (scan_value(&s, put_line(&b, bad[i], strlen(bad[i]))) != NULL)
			fail_msg("'%s' was taken", bad[i]);
	buf_free(&b);
	scan_free(&s);
}

static void
nul_bytes(void **state)
{
	static const struct { const char *text; size_t len; int at; } bad[] = {
		{ "\0", 1, 0 }, { "{\0}", 3, 1 }, { "{}\0", 3, 2 }, { "{\"a\0\":1}", 8, 3 }, { "{\"a\":1\0}", 8, 6 }, { "{\"a\":\"\\\0\"}", 10, 6 },
	};
	struct scan s = { 0 };
	struct buf b = { 0 };

	(void)state;
	for (size_t i = 0; i < N_OF(bad); i++) {
		const char *p = put_line(&b, bad[i].text, bad[i].len);

		assert_null(scan_record(&s, p));
		assert_int_equal(s.at - p, bad[i].at);
	}
	buf_free(&b);
	scan_free(&s);
}

static void
members(void **state)
{
	static const char text[] = "{ \"id\" : 1.0 ,\"a\\\"b\":[1, 2] ,\"\\u0069d\":\"x\\\"\",\"o\":{\"id\":5 } , \"\":null}";
	static const char *const keys[] = { "id", "a\\\"b", "\\u0069d", "o", "" };
	static const char *const vals[] = { "1.0", "[1, 2]", "\"x\\\"\"", "{\"id\":5 }", "null" };
	struct scan s = { 0 };
	struct buf b = { 0 };
	struct span v;

	(void)state;
	assert_non_null(scan_record(&s, put_line(&b, text, sizeof text - 1)));
	assert_int_equal(s.n, N_OF(keys));
	for (size_t i = 0; i < s.n; i++) {
		check_text(s.m[i].key.p, s.m[i].key.len, keys[i]);
		check_text(s.m[i].val.p, s.m[i].val.len, vals[i]);
	}
	/* The last of equal names counts, whatever their spelling. */
	assert_ptr_equal(scan_find(&s, "id", 2), &s.m[2]);
	assert_ptr_equal(scan_find(&s, "a\"b", 3), &s.m[1]);
	assert_ptr_equal(scan_find(&s, "", 0), &s.m[4]);
	assert_null(scan_find(&s, "i", 1));
	assert_null(scan_find(&s, "a\\\"b", 4));	/* the name, not its spelling */
	assert_null(scan_find(&s, "idx", 3));
	assert_true(JSON_MEMBER(s.m[3].val, "id", &v));
	check_text(v.p, v.len, "5");
	assert_false(JSON_MEMBER(s.m[1].val, "id", &v));

	/* Many members, and none after many. */
	buf_clear(&b);
	for (int i = 0; i < 5000; i++)
		buf_addf(&b, "%c\"k%d\":%d", i == 0 ? '{' : ',', i, i);
	buf_addc(&b, '}');
	buf_pad(&b);
	assert_non_null(scan_record(&s, b.p));
	assert_int_equal(s.n, 5000);
	check_text(scan_find(&s, "k4321", 5)->val.p, 4, "4321");
	assert_non_null(scan_record(&s, put_line(&b, "{}", 2)));
	assert_int_equal(s.n, 0);
	assert_non_null(scan_value(&s, put_line(&b, "[{\"a\":1}]", 9)));
	assert_int_equal(s.n, 0);
	buf_free(&b);
	scan_free(&s);
}

static void
depth(void **state)
{
	struct scan s = { 0 };
	struct buf b = { 0 };

	(void)state;
	for (size_t path = 0; scan_force(path); path++) {
		for (int n = SCAN_DEPTH; n <= SCAN_DEPTH + 1; n++) {
			buf_clear(&b);
			buf_adds(&b, "{\"a\":");
			for (int i = 1; i < n; i++)
				buf_addc(&b, '[');
			for (int i = 1; i < n; i++)
				buf_addc(&b, ']');
			buf_addc(&b, '}');
			buf_pad(&b);
			if (n == SCAN_DEPTH) {
				assert_ptr_equal(scan_record(&s, b.p), b.p + b.len);
				assert_ptr_equal(json_skip(b.p), b.p + b.len);
			} else {
				assert_null(scan_record(&s, b.p));
				assert_int_equal(s.at - b.p, 5 + SCAN_DEPTH - 1);
				assert_string_equal(s.error, "nested too deep");
			}
		}
		/* Objects and arrays in turn: each closing bracket must be its opening one's. */
		buf_clear(&b);
		for (int i = 0; i < SCAN_DEPTH / 2; i++)
			buf_adds(&b, "{\"a\":[");
		for (int i = 0; i < SCAN_DEPTH / 2; i++)
			buf_adds(&b, "]}");
		buf_pad(&b);
		assert_non_null(scan_record(&s, b.p));
		for (size_t i = 6 * SCAN_DEPTH / 2; i < b.len; i += 2) {
			b.p[i] = '}';
			assert_null(scan_record(&s, b.p));
			assert_ptr_equal(s.at, b.p + i);
			b.p[i] = ']';
		}
	}
	scan_force_portable(false);
	buf_free(&b);
	scan_free(&s);
}

static void
iterators(void **state)
{
	static const char text[] = "[ 1 ,\"a,]\\\"\", [ [ ] , {} ] ,{\"x\" : [1,2] , \"y\":\"}\"} , null ]";
	static const char *const want[] = { "1", "\"a,]\\\"\"", "[ [ ] , {} ]", "{\"x\" : [1,2] , \"y\":\"}\"}", "null" };
	struct buf b = { 0 };
	struct json_iter it;
	struct member m;
	struct span v;
	size_t n = 0;

	(void)state;
	for (size_t path = 0; scan_force(path); path++) {
		put_line(&b, text, sizeof text - 1);
		n = 0;
		for (it = json_open((struct span){ b.p, b.len }); json_next_element(&it, &v); n++)
			check_text(v.p, v.len, want[n]);
		assert_int_equal(n, N_OF(want));
		put_line(&b, want[3], strlen(want[3]));
		it = json_open((struct span){ b.p, b.len });
		assert_true(json_next_member(&it, &m));
		check_text(m.key.p, m.key.len, "x");
		check_text(m.val.p, m.val.len, "[1,2]");
		assert_true(json_next_member(&it, &m));
		check_text(m.key.p, m.key.len, "y");
		check_text(m.val.p, m.val.len, "\"}\"");
		assert_false(json_next_member(&it, &m));
		it = json_open((struct span){ put_line(&b, "{ }", 3), 3 });
		assert_false(json_next_member(&it, &m));
		it = json_open((struct span){ put_line(&b, "[ ]", 3), 3 });
		assert_false(json_next_element(&it, &v));
	}
	scan_force_portable(false);
	buf_free(&b);
}

static void
same_members(const struct scan *a, const struct member *m, size_t n)
{
	assert_int_equal(a->n, n);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(a->m[i].key.p, m[i].key.p);
		assert_int_equal(a->m[i].key.len, m[i].key.len);
		assert_ptr_equal(a->m[i].val.p, m[i].val.p);
		assert_int_equal(a->m[i].val.len, m[i].val.len);
	}
}

/* Random valid values: every path's skip ends where the text does, over all borders of the vectors. */
static void
put_value(struct buf *b, int levels)
{
	static const char *const piece[] = { "x", "y", "]", "}", "{", "[", "\\\\", "\\\"", "\\u005c", "\xe4\xb8\xad", ",", ":" };
	size_t n = chance(levels > 0 ? 5 : 40);

	switch (levels > 0 ? chance(4) : 2 + chance(2)) {
	case 0:
		buf_addc(b, '[');
		for (size_t i = 0; i < n; i++) {
			buf_adds(b, i == 0 ? "" : ", ");
			put_value(b, levels - 1);
		}
		buf_addc(b, ']');
		break;
	case 1:
		buf_addc(b, '{');
		for (size_t i = 0; i < n; i++) {
			buf_adds(b, i == 0 ? "\"\\\\\": " : ",\"]\":");
			put_value(b, levels - 1);
		}
		buf_addc(b, '}');
		break;
	case 2:
		buf_addc(b, '"');
		for (size_t i = 0; i < n; i++)
			buf_adds(b, piece[chance(N_OF(piece))]);
		buf_addc(b, '"');
		break;
	default:
		buf_adds(b, chance(2) == 0 ? "-1.5e3" : "null");
	}
}

static void
skipping(void **state)
{
	struct scan s = { 0 };
	struct buf b = { 0 };

	(void)state;
	for (int round = 0; round < 30000; round++) {
		buf_clear(&b);
		put_value(&b, 4);
		buf_pad(&b);
		assert_ptr_equal(scan_value(&s, b.p), b.p + b.len);
		assert_ptr_equal(json_skip(b.p), b.p + b.len);
		scan_force_portable(true);
		assert_ptr_equal(json_skip(b.p), b.p + b.len);
		scan_force_portable(false);
	}
	buf_free(&b);
	scan_free(&s);
}

/* An iterator that jumps by the map must see what one without sees. */
static void
same_walk(const struct scan *s, struct span v)
{
	struct json_iter plain = json_open(v), mapped = scan_open(s, v.p);
	struct member m = { .key = { NULL, 0 } }, n = m;
	bool more;

	assert_true(v.p[0] == '{' || v.p[0] == '[');
	do {
		more = v.p[0] == '{' ? json_next_member(&plain, &m) : json_next_element(&plain, &m.val);
		assert_int_equal(v.p[0] == '{' ? json_next_member(&mapped, &n) : json_next_element(&mapped, &n.val), more);
		if (more) {
			assert_ptr_equal(m.key.p, n.key.p);
			assert_ptr_equal(m.val.p, n.val.p);
			assert_int_equal(m.val.len, n.val.len);
			if (m.val.p[0] == '{' || m.val.p[0] == '[')
				same_walk(s, m.val);
		}
	} while (more);
	assert_ptr_equal(mapped.p, plain.p);
	assert_ptr_equal(mapped.p + 1, v.p + v.len);
}

static void
mapped(void **state)
{
	struct scan s = { 0 };
	struct buf b = { 0 };

	(void)state;
	for (int round = 0; round < 10000; round++) {
		buf_clear(&b);
		put_value(&b, 6);
		buf_pad(&b);
		if (b.p[0] != '{' && b.p[0] != '[')
			continue;
		for (s.map_depth = 0; s.map_depth <= SCAN_MAP; s.map_depth++) {
			assert_non_null(scan_value(&s, b.p));
			same_walk(&s, (struct span){ b.p, b.len });
		}
	}
	buf_free(&b);
	scan_free(&s);
}

/* Mutate valid records: all paths and the reference agree. */
static void
mutations(void **state)
{
	static const char alphabet[] = "{}[]\",:\\ \t\rntfu01e-+.dD8\x01\x7f\x80\xe4";
	struct scan fast = { 0 }, slow = { 0 };
	struct reference ref = { 0 };
	struct buf b = { 0 };
	int valid = 0;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		const char *from, *f, *p;

		do
			from = table[chance(23)].text;
		while (strlen(from) < 3);
		put_line(&b, from, strlen(from));
		for (size_t pad = chance(4) == 0 ? chance(70) : 0; pad > 0; pad--)	/* move it over the vectors' borders */
			buf_addc(&b, ' ');
		if (chance(3) == 0) {		/* a long string inside */
			buf_clear(&b);
			buf_adds(&b, "{\"k\":\"");
			for (size_t n = chance(100); n > 0; n--)
				buf_adds(&b, chance(9) == 0 ? "\\u00e9" : "x");
			buf_adds(&b, "\",\"l\":[1]}");
		}
		for (size_t n = chance(4); n > 0; n--)
			b.p[chance(b.len)] = alphabet[chance(sizeof alphabet - 1)];
		buf_pad(&b);
		p = b.p;
		(void)scan_block(&fast, p, b.len + 1);
		f = scan_record(&fast, p);
		scan_force_portable(true);
		assert_ptr_equal(scan_record(&slow, p), f);
		scan_force_portable(false);
		if (reference_json(&ref, p, b.len, true) != (f != NULL))
			fail_msg("the reference differs: %.*s", (int)b.len, p);
		if (f == NULL) {
			assert_ptr_equal(fast.error, slow.error);
			assert_ptr_equal(fast.at, slow.at);
		} else {
			valid++;
			same_members(&fast, slow.m, slow.n);
			same_members(&fast, ref.m, ref.n);
		}
	}
	assert_true(valid > 20000);
	reference_free(&ref);
	scan_free(&fast);
	scan_free(&slow);
	buf_free(&b);
}

/* One line of a block: a record, or something like one. */
static void
put_random_line(struct buf *b)
{
	static const char *const piece[] = {
		"x", "\\n", "\\\"", "\\\\", "\\/", "\\u4e2d\\u6587", "\\ud83d\\ude00", "\\u00e9", "\xe4\xb8\xad\xe6\x96\x87", "\xf0\x9f\x98\x80", "a plain text, ", "\t",
		"\\x", "\\u12", "\"", "\\", "\x01", "\x80",
	};
	size_t from = b->len, good = N_OF(piece) - (chance(8) == 0 ? 0 : 7);

	switch (chance(6)) {
	case 0:
		buf_adds(b, table[chance(N_OF(table))].text);
		break;
	case 1:
		for (size_t n = chance(70); n > 0; n--)
			buf_addc(b, chance(9) == 0 ? '\t' : ' ');
		break;
	case 2:
		put_value(b, 4);
		break;
	default:
		buf_adds(b, chance(2) == 0 ? "{\"k\" :\t\"" : "{\"k\":1,\"text\":\"");
		for (size_t n = chance(120); n > 0; n--)
			for (size_t often = chance(4) == 0 ? 30 : 1, i = chance(good); often > 0; often--)
				buf_adds(b, piece[i]);
		buf_adds(b, "\",\"l\":[1,\"\"]}");
	}
	if (chance(8) == 0 && b->len > from)
		b->p[from + chance(b->len - from)] = "\\\"\x01{}[],: \x80u"[chance(13)];
	buf_addc(b, '\n');
}

static void
same_scan(size_t path, struct scan *a, struct scan *b, const char *p)
{
	const char *end;

	scan_force_portable(true);
	end = scan_record(b, p);
	scan_force(path);
	assert_ptr_equal(scan_record(a, p), end);
	assert_ptr_equal(a->error, b->error);
	if (end == NULL)
		assert_ptr_equal(a->at, b->at);
	else
		same_members(a, b->m, b->n);
}

/* The lines of a block, with what the block's scan has found: the same as without. */
static void
same_block(size_t path, struct scan *a, struct scan *b, struct buf *block)
{
	const char *end = block->p + block->len, *last = block->p;

	buf_pad(block);
	scan_force(path);
	assert_int_equal(scan_block(a, block->p, block->len), reference_utf8(block->p, block->len) == NULL);
	for (const char *p = block->p; p < end; p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1) {
		if (chance(9) == 0)
			continue;
		same_scan(path, a, b, p);
		if (chance(9) == 0)
			same_scan(path, a, b, last);	/* back again */
		last = p;
	}
}

static void
blocks(void **state)
{
	struct scan a = { 0 }, b = { 0 };
	struct buf block = { 0 };

	(void)state;
	for (size_t path = 0; scan_force(path); path++) {
		for (int round = 0; round < 8000; round++) {
			buf_clear(&block);
			for (size_t n = 1 + chance(20); n > 0; n--)
				put_random_line(&block);
			same_block(path, &a, &b, &block);
		}
		/* So many stops that not all are found; then lines behind, and a line that is the whole of the block. */
		for (int round = 0; round < 4; round++) {
			buf_clear(&block);
			for (int i = 0; i < 20; i++) {
				buf_adds(&block, "{\"a\":[1");
				for (size_t n = round == 3 && i == 0 ? 100000 : chance(8000); n > 0; n--)
					buf_adds(&block, ",\"\"");
				buf_adds(&block, "]}\n");
				put_random_line(&block);
			}
			same_block(path, &a, &b, &block);
		}
	}
	scan_force_portable(false);
	scan_free(&a);
	scan_free(&b);
	buf_free(&block);
}

/* Every place within a step at which an escape, good or bad, can stand. */
static void
escapes(void **state)
{
	static const char *const seq[] = {
		"\\n", "\\\"", "\\\\", "\\u00e9", "\\u4E2D\\u6587", "\\\\\\\"", "\\x", "\\u123", "\\u12g4", "\\u123\xc3\xa9", "\\\t", "\\\\\\", "\\\xc3\xa9", "\\\x02",
	};
	struct scan a = { 0 }, b = { 0 };
	struct buf line = { 0 };

	(void)state;
	for (size_t path = 0; scan_force(path); path++)
		for (size_t at = 0; at < 200; at++)
			for (size_t i = 0; i < N_OF(seq); i++) {
				buf_clear(&line);
				buf_adds(&line, "{\"a\":\"");
				for (size_t n = 0; n < at; n++)
					buf_addc(&line, 'u');
				buf_adds(&line, seq[i]);
				buf_adds(&line, "\",\"b\":\"\\\"\"}\n");
				buf_pad(&line);
				scan_force(path);
				assert_true(scan_block(&a, line.p, line.len));
				same_scan(path, &a, &b, line.p);
			}
	scan_force_portable(false);
	scan_free(&a);
	scan_free(&b);
	buf_free(&line);
}

/* Put the sequence at each place from first to last, at the end of the text and inside it. */
static void
utf8_at(const char *seq, size_t n, size_t first, size_t last)
{
	static char text[256];
	static struct scan s;
	const char *bad = reference_utf8(seq, n);

	for (size_t at = first; at <= last; at++) {
		memset(text, 'a', sizeof text);
		memcpy(text + at, seq, n);
		for (size_t len = at + n; len <= 250; len += 250 - at - n > 0 ? 250 - at - n : 1) {
			const char *want = bad == NULL ? NULL : text + at + (bad - seq), *got = scan_utf8(text, len);

			/* More text can only end a sequence that is cut, at the same place. */
			if (got != want || scan_block(&s, text, len) != (want == NULL))
				fail_msg("%02x %02x %02x %02x at %zu of %zu", (unsigned char)seq[0], (unsigned char)seq[1],
				    (unsigned char)seq[2], (unsigned char)seq[3], at, len);
		}
	}
}

static void
utf8(void **state)
{
	static const unsigned char class[] = {
		0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xee, 0xef, 0xf0, 0xf3, 0xf4, 0xf5, 0xff,
	};
	char s[4] = { 0 };

	(void)state;
	for (size_t path = 0; scan_force(path); path++) {
		for (int i = 0; i < 256; i++) {
			s[0] = (char)i;
			utf8_at(s, 1, 0, 130);
		}
		for (int i = 0; i < 65536; i++) {
			s[0] = (char)(i >> 8);
			s[1] = (char)i;
			utf8_at(s, 2, 29, 33);
			utf8_at(s, 2, 61, 65);
		}
		for (size_t i = 0; i < 21 * 21 * 21; i++) {
			s[0] = (char)class[i / 441];
			s[1] = (char)class[i / 21 % 21];
			s[2] = (char)class[i % 21];
			utf8_at(s, 3, 0, 130);
		}
		for (size_t i = 0; i < 21 * 21 * 21 * 21; i++) {
			s[0] = (char)class[i / 9261];
			s[1] = (char)class[i / 441 % 21];
			s[2] = (char)class[i / 21 % 21];
			s[3] = (char)class[i % 21];
			if ((unsigned char)s[0] >= 0xf0 || i % 16 == 0) {
				utf8_at(s, 4, 28, 33);
				utf8_at(s, 4, 60, 65);
				utf8_at(s, 4, 124, 130);
			}
		}
	}
	scan_force_portable(false);
}

/* Every code point, and random text in which one byte was changed. */
static void
utf8_text(void **state)
{
	static char text[20000];
	static struct scan scan;
	size_t len = 0;

	(void)state;
	for (int round = 0; round < 300; round++) {
		len = 0;
		while (len < sizeof text - 800) {
			static const char *const piece[] = { "\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80", "a", "hello, ", "\xef\xbf\xbd" };
			const char *s = piece[chance(N_OF(piece))];

			for (size_t n = chance(90); n > 0; n--, len += strlen(s))
				memcpy(text + len, s, strlen(s));
		}
		memset(text + len, 0, BUF_PAD);
		assert_null(scan_utf8(text, len));
		assert_true(scan_block(&scan, text, len));
		for (int i = 0; i < 40; i++) {
			size_t at = chance(len);
			char old = text[at];
			const char *got;

			text[at] = (char)chance(256);
			got = scan_utf8(text, len);
			if (got != reference_utf8(text, len) || scan_block(&scan, text, len) != (got == NULL))
				fail_msg("a byte at %zu of %zu", at, len);
			text[at] = old;
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(values),
		cmocka_unit_test(nul_bytes),
		cmocka_unit_test(members),
		cmocka_unit_test(depth),
		cmocka_unit_test(iterators),
		cmocka_unit_test(skipping),
		cmocka_unit_test(mapped),
		cmocka_unit_test(mutations),
		cmocka_unit_test(blocks),
		cmocka_unit_test(escapes),
		cmocka_unit_test(utf8),
		cmocka_unit_test(utf8_text),
	};

	return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
