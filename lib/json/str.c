#include "json/str.h"

#include <string.h>

#include "json/utf8.h"

void
json_decode(struct span raw, struct buf *out)
{
	const char *p = raw.p, *end = raw.p + raw.len;

	if (buf_reserve(out, raw.len) == NULL)	/* an escape is never shorter than its UTF-8 */
		return;
	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		char one[4];

		buf_add(out, p, (size_t)((slash ? slash : end) - p));
		if (slash == NULL)
			break;
		p = slash;
		buf_add(out, one, json_unescape(&p, end, one));
	}
}

void
json_encode_inside(const char *text, size_t len, struct buf *out)
{
	static const char short_from[] = "\"\\\b\f\n\r\t", short_to[] = "\"\\bfnrt";
	const char *end = text + len;
	const char *bad = scan_utf8(text, len);

	while (text < end) {
		const char *from = text, *which;

		while (text < end && text != bad && (unsigned char)*text >= 0x20 && *text != '"' && *text != '\\')
			text++;
		buf_add(out, from, (size_t)(text - from));
		if (text == end)
			break;
		if (text == bad) {
			buf_adds(out, "\xef\xbf\xbd");
			text++;
			bad = scan_utf8(text, (size_t)(end - text));
			continue;
		}
		if (*text != '\0' && (which = strchr(short_from, *text)) != NULL) {
			buf_addc(out, '\\');
			buf_addc(out, short_to[which - short_from]);
		} else {
			buf_addf(out, "\\u%04x", (unsigned)*text);
		}
		text++;
	}
}

void
json_encode(const char *text, size_t len, struct buf *out)
{
	buf_addc(out, '"');
	json_encode_inside(text, len, out);
	buf_addc(out, '"');
}

void
json_put_name(const char *name, struct buf *out)
{
	buf_addc(out, '"');
	buf_adds(out, name);
	buf_adds(out, "\":");
}

char *
json_text(struct span v)
{
	struct buf b = { 0 };

	if (!json_is_string(v))
		return NULL;
	json_decode(json_inside(v), &b);
	(void)buf_str(&b);
	return b.p;
}

void
json_one_line(char *p, size_t len)
{
	bool in_string = false;

	if (memchr(p, '\n', len) == NULL)
		return;
	for (char *end = p + len; p < end; p++) {
		if (*p == '"')
			in_string = !in_string;
		else if (*p == '\\' && in_string && p + 1 < end)
			p++;
		else if (*p == '\n' && !in_string)
			*p = ' ';
	}
}

bool
json_is_value(const char *p, size_t len)
{
	struct buf b = { 0 };
	struct scan s = { 0 };
	bool valid;

	buf_add(&b, p, len);
	buf_pad(&b);
	valid = scan_value(&s, b.p) == b.p + len && scan_utf8(b.p, len) == NULL;
	scan_free(&s);
	buf_free(&b);
	return valid;
}

bool
json_scan_answer(struct buf *b, struct scan *s)
{
	buf_pad(b);
	json_one_line(b->p, b->len);
	return scan_utf8(b->p, b->len) == NULL && scan_record(s, b->p) != NULL;
}
