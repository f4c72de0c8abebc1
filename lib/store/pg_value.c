#include "store/pg_value.h"

#include <string.h>

#include "crypt/base64.h"
#include "json/str.h"

/* From pg_type.dat, where they are fixed. */
enum {
	BOOL = 16, BYTEA = 17, NAME = 19, INT8 = 20, INT2 = 21, INT4 = 23, TEXT = 25, OID = 26, JSON = 114, FLOAT4 = 700, FLOAT8 = 701,
	BPCHAR = 1042, VARCHAR = 1043, DATE = 1082, TIMESTAMP = 1114, TIMESTAMPTZ = 1184, NUMERIC = 1700, UUID = 2950, JSONB = 3802,
};

static const struct {
	unsigned array, element;
} arrays[] = {
	{ 199, JSON }, { 1000, BOOL }, { 1001, BYTEA }, { 1003, NAME }, { 1005, INT2 }, { 1007, INT4 }, { 1009, TEXT }, { 1014, BPCHAR },
	{ 1015, VARCHAR }, { 1016, INT8 }, { 1021, FLOAT4 }, { 1022, FLOAT8 }, { 1028, OID }, { 1115, TIMESTAMP }, { 1182, DATE },
	{ 1185, TIMESTAMPTZ }, { 1231, NUMERIC }, { 2951, UUID }, { 3807, JSONB },
};

enum db_kind
pg_kind(unsigned oid, char category)
{
	switch (oid) {
	case INT2: case INT4: case INT8: case OID:
		return DB_INTEGER;
	case FLOAT4: case FLOAT8:
		return DB_REAL;
	case NUMERIC:
		return DB_NUMERIC;
	case TEXT: case VARCHAR: case BPCHAR: case NAME:
		return DB_TEXT;
	case BOOL:
		return DB_BOOLEAN;
	case JSON: case JSONB:
		return DB_JSON;
	case TIMESTAMP: case TIMESTAMPTZ:
		return DB_TIME;
	case DATE:
		return DB_DATE;
	case BYTEA:
		return DB_BYTES;
	default:
		return category == 'A' ? DB_ARRAY : DB_ANY;
	}
}

/* "2021-01-01 00:00:00.5+00" as "2021-01-01T00:00:00.5Z"; what has no such form (infinity, BC) stays. */
static void
put_time(const char *p, size_t len, bool zoned, struct buf *out)
{
	size_t end = zoned && len > 3 && memcmp(p + len - 3, "+00", 3) == 0 ? len - 3 : len;
	char *to;

	if (len < 19 || p[4] != '-' || p[10] != ' ' || (zoned && end == len) || p[end - 1] == 'C') {
		json_encode(p, len, out);
		return;
	}
	to = buf_reserve(out, end + 3);
	*to++ = '"';
	to = mempcpy(to, p, end);
	to[(ptrdiff_t)10 - (ptrdiff_t)end] = 'T';
	if (zoned)
		*to++ = 'Z';
	*to++ = '"';
	out->len = (size_t)(to - out->p);
}

static unsigned
hex(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) & 15;
}

static void
put_bytes(const char *p, size_t len, struct buf *out)
{
	struct buf b = { 0 };

	if (len < 2 || memcmp(p, "\\x", 2) != 0) {	/* SET bytea_output TO escape */
		json_encode(p, len, out);
		return;
	}
	for (size_t i = 2; i + 1 < len; i += 2)
		buf_addc(&b, (char)(hex(p[i]) << 4 | hex(p[i + 1])));
	buf_addc(out, '"');
	base64_put(b.p == NULL ? "" : b.p, b.len, out);
	buf_addc(out, '"');
	buf_free(&b);
}

static bool put_value(unsigned oid, const char *p, size_t len, struct buf *out);

/* One element at p, quoted or not; returns its end. */
static const char *
put_element(unsigned oid, const char *p, const char *end, struct buf *scratch, struct buf *out)
{
	bool quoted = *p == '"';

	buf_clear(scratch);
	for (p += quoted; p < end; p++) {
		if (quoted ? *p == '"' : *p == ',' || *p == '}')
			break;
		if (*p == '\\' && p + 1 < end)
			p++;
		buf_addc(scratch, *p);
	}
	if (!quoted && scratch->len == 4 && memcmp(scratch->p, "NULL", 4) == 0)
		buf_adds(out, "null");
	else
		(void)put_value(oid, scratch->p == NULL ? "" : scratch->p, scratch->len, out);
	return p + quoted;
}

/* {1,NULL,{"a b"}}, perhaps with the bounds before it: [0:1]={...}. */
static void
put_array(unsigned oid, const char *p, size_t len, struct buf *out)
{
	const char *end = p + len;
	struct buf scratch = { 0 };

	if (*p == '[' && (p = memchr(p, '=', len)) != NULL)
		p++;
	while (p != NULL && p < end) {
		if (*p == '{' || *p == '}' || *p == ',') {
			buf_addc(out, *p == '{' ? '[' : *p == '}' ? ']' : ',');
			p++;
		} else {
			p = put_element(oid, p, end, &scratch, out);
		}
	}
	buf_free(&scratch);
}

/* Most text needs no escapes: that is seen while it is copied. */
static void
put_text(const char *p, size_t len, struct buf *out)
{
	char *to = buf_reserve(out, len + 2);

	*to++ = '"';
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)p[i] < ' ' || (unsigned char)p[i] >= 0x7f || p[i] == '"' || p[i] == '\\') {
			json_encode(p, len, out);
			return;
		}
		*to++ = p[i];
	}
	*to = '"';
	out->len += len + 2;
}

static void
put_json(const char *p, size_t len, struct buf *out)
{
	size_t from = out->len;

	buf_add(out, p, len);
	json_one_line(out->p + from, len);
}

static bool
is_integer(const char *p, size_t len)
{
	const char *end = p + len;

	p += len > 0 && *p == '-';
	if (p == end || (*p == '0' && p + 1 != end))
		return false;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p == end;
}

/* False: with the server's own bytes in it, which may be no JSON. */
static bool
put_value(unsigned oid, const char *p, size_t len, struct buf *out)
{
	switch (oid) {
	case INT2: case INT4: case INT8: case OID:
		buf_add(out, p, len);
		return is_integer(p, len);
	case NUMERIC:
		if (len == 0 || p[len - 1] > '9')		/* NaN, Infinity */
			json_encode(p, len, out);
		else
			buf_add(out, p, len);
		return false;
	case FLOAT4: case FLOAT8:
		db_put_double_text(p, len, out);
		return false;
	case BOOL:
		buf_adds(out, *p == 't' ? "true" : "false");
		return true;
	case JSON: case JSONB:
		put_json(p, len, out);
		return false;
	case TIMESTAMP: case TIMESTAMPTZ:
		put_time(p, len, oid == TIMESTAMPTZ, out);
		return false;
	case BYTEA:
		put_bytes(p, len, out);
		return true;
	case TEXT: case VARCHAR:
		put_text(p, len, out);
		return true;
	default:
		break;
	}
	for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
		if (arrays[i].array == oid) {
			put_array(arrays[i].element, p, len, out);
			return false;
		}
	json_encode(p, len, out);
	return true;
}

void
pg_put_json(unsigned oid, const char *p, size_t len, struct buf *out)
{
	struct scan s = { 0 };
	size_t from = out->len;

	if (put_value(oid, p, len, out))
		return;
	buf_pad(out);
	if (scan_value(&s, out->p + from) != out->p + out->len || scan_utf8(out->p + from, out->len - from) != NULL) {
		out->len = from;
		json_encode(p, len, out);
	}
	scan_free(&s);
}

/* ---- COPY ---- */

void
pg_put_copy(const struct db_cell *c, const char *text, char behind, struct buf *out)
{
	static const char escape[256] = { ['\\'] = '\\', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't' };
	const char *p = text + c->at, *end = p + c->len;
	char *to = buf_reserve(out, 2 * c->len + sizeof "\\\\x,");

	switch (c->form) {
	case DB_NULL:
		to = mempcpy(to, "\\N", 2);
		break;
	case DB_BLOB:
		to = mempcpy(to, "\\\\x", 3);
		for (; p < end; p++) {
			*to++ = "0123456789abcdef"[(unsigned char)*p >> 4];
			*to++ = "0123456789abcdef"[*p & 15];
		}
		break;
	case DB_STRING:
		for (; p < end; p++) {
			char as = escape[(unsigned char)*p];

			if (as != 0)
				*to++ = '\\';
			*to++ = as != 0 ? as : *p;
		}
		break;
	case DB_INT:
	case DB_FLOAT:
		to = mempcpy(to, p, c->len);
		break;
	}
	*to++ = behind;
	out->len = (size_t)(to - out->p);
}
