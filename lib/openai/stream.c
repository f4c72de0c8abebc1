#include "openai/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/splice.h"
#include "json/str.h"
#include "openai/merge.h"

/* What the bytes are. */
enum form { UNKNOWN, PLAIN, EVENTS };

/* Whose events they are. */
enum api { NONE, CHAT, RESPONSES, MESSAGES };

/* An output item of a response that has not ended. */
struct item {
	struct buf json;	/* as it was added, or is done */
	struct buf delta;	/* what its text or its arguments have become, between the quotes */
	bool	 done;
};

struct chat_stream {
	size_t	 max;
	enum form form;
	enum api api;
	struct buf raw;		/* until the form is known, and of a plain answer */
	struct buf line, data, name;	/* the event that is being read */
	bool	 after_cr, has_data, ended, stopped;
	struct scan scan;
	struct merge merge;
	struct buf response;
	struct item *item;	/* owned */
	size_t	 n_items, items_cap, items_kept;	/* kept: bytes of all */
	const char *broken;	/* static; an event that is none */
	struct buf sent_error;	/* JSON */
	struct buf error;
};

#define MOST_ITEMS 1024
#define MOST_EMPTY 4096		/* line ends in front of a stream */

struct chat_stream *
chat_stream_new(size_t max)
{
	struct chat_stream *s = mem_zero(1, sizeof *s);

	s->max = max;
	s->raw.max = s->line.max = s->data.max = s->response.max = s->sent_error.max = max;
	s->name.max = 256;
	merge_init(&s->merge, max);
	return s;
}

void
chat_stream_free(struct chat_stream *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_items; i++) {
		buf_free(&s->item[i].json);
		buf_free(&s->item[i].delta);
	}
	free(s->item);
	merge_free(&s->merge);
	scan_free(&s->scan);
	buf_free(&s->raw);
	buf_free(&s->line);
	buf_free(&s->data);
	buf_free(&s->name);
	buf_free(&s->response);
	buf_free(&s->sent_error);
	buf_free(&s->error);
	free(s);
}

/* ---- events ---- */

static struct span
value(const struct chat_stream *s, const char *name)
{
	const struct member *m = scan_find(&s->scan, name, strlen(name));

	return m != NULL ? m->val : (struct span){ "null", 4 };
}

static bool
spells(struct span string, const char *text)
{
	return json_is_string(string) && json_spells(json_inside(string), text, strlen(text));
}

static void
replace(struct buf *b, struct span by)
{
	buf_clear(b);
	buf_add(b, by.p, by.len);
	buf_pad(b);		/* it will be read again */
}

static void
take_error(struct chat_stream *s, struct span error)
{
	replace(&s->sent_error, error);
	s->ended = true;
}

static void
take_chunk(struct chat_stream *s, struct span object)
{
	s->api = CHAT;
	merge_add(&s->merge, object, MERGE_CHUNK);
}

/* The item that the event is about; NULL: none. */
static struct item *
item_of(struct chat_stream *s)
{
	long i = merge_index(value(s, "output_index"));

	if (i < 0 || i >= MOST_ITEMS)
		return NULL;
	s->item = mem_grow(s->item, &s->items_cap, (size_t)i + 1, sizeof *s->item);
	while (s->n_items <= (size_t)i)
		s->item[s->n_items++] = (struct item){ 0 };
	return &s->item[i];
}

/* What would be too much for all items together is left out. */
static void
keep_of_item(struct chat_stream *s, struct buf *b, struct span v)
{
	if (v.len > s->max - s->items_kept)
		return;
	s->items_kept += v.len;
	buf_add(b, v.p, v.len);
}

static void
drop_of_item(struct chat_stream *s, struct buf *b)
{
	s->items_kept -= b->len;
	buf_free(b);
}

static void
take_response_event(struct chat_stream *s, struct span type)
{
	struct span response = value(s, "response"), item = value(s, "item"), delta = value(s, "delta");
	struct item *it;

	s->api = RESPONSES;
	if (response.p[0] == '{') {
		replace(&s->response, response);
		s->stopped = s->ended = spells(type, "response.completed") || spells(type, "response.incomplete") || spells(type, "response.failed");
	} else if ((it = item_of(s)) == NULL || it->done) {
		return;
	} else if (item.p[0] == '{') {
		it->done = spells(type, "response.output_item.done");
		drop_of_item(s, &it->json);
		if (it->done)
			drop_of_item(s, &it->delta);
		keep_of_item(s, &it->json, item);
	} else if ((spells(type, "response.output_text.delta") || spells(type, "response.function_call_arguments.delta")) && json_is_string(delta)) {
		keep_of_item(s, &it->delta, json_inside(delta));
	}
}

/* Of an Anthropic stream. */
static void
take_message_event(struct chat_stream *s, struct span type)
{
	static const char *const parts[] = { "message", "content_block", "delta" };
	struct span part = { "null", 4 };
	long index = merge_index(value(s, "index"));

	s->api = MESSAGES;
	for (size_t i = 0; i < sizeof parts / sizeof *parts && part.p[0] != '{'; i++)
		part = value(s, parts[i]);
	s->stopped |= spells(type, "message_stop");
	if (part.p[0] == '{' && index >= 0)
		merge_add_element(&s->merge, "content", index, part, MERGE_DELTA);
	else if (part.p[0] == '{')
		merge_add(&s->merge, part, MERGE_LAST);
	if (spells(type, "message_delta") && !json_is_null(value(s, "usage"))) {
		struct buf usage = { 0 };

		buf_adds(&usage, "{\"usage\":");
		buf_add(&usage, value(s, "usage").p, value(s, "usage").len);
		buf_addc(&usage, '}');
		buf_pad(&usage);
		merge_add(&s->merge, (struct span){ usage.p, usage.len }, MERGE_LAST);
		buf_free(&usage);
	}
}

static bool
is_message_event(struct span type)
{
	static const char *const types[] = { "message_start", "content_block_start", "content_block_delta", "content_block_stop",
	    "message_delta", "message_stop", "ping" };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (spells(type, types[i]))
			return true;
	return false;
}

static void
take_object(struct chat_stream *s, struct span object)
{
	struct span type = value(s, "type"), error = value(s, "error");

	if (!json_is_null(error) && error.p[0] != 'f')
		take_error(s, error);
	else if (spells(type, "error") || (s->name.len == 5 && memcmp(s->name.p, "error", 5) == 0))
		take_error(s, object);
	else if (json_is_string(type) && type.len > 11 && memcmp(type.p, "\"response.", 10) == 0)
		take_response_event(s, type);
	else if (is_message_event(type))
		take_message_event(s, type);
	else
		take_chunk(s, object);
}

/* The first reason counts. */
static void
is_broken(struct chat_stream *s, const char *why)
{
	if (s->broken == NULL)
		s->broken = why;
}

static bool
scan_event(struct chat_stream *s, struct span *object)
{
	const char *end;

	buf_pad(&s->data);
	json_one_line(s->data.p, s->data.len);
	if (scan_utf8(s->data.p, s->data.len) != NULL || (end = scan_record(&s->scan, s->data.p)) == NULL)
		return false;
	*object = splice_text(s->data.p, end);
	return true;
}

/* An event is complete. */
static void
dispatch(struct chat_stream *s)
{
	struct span object;

	if (s->has_data && !s->ended) {
		if (s->data.len == 6 && memcmp(s->data.p, "[DONE]", 6) == 0)
			s->stopped = s->ended = true;
		else if (s->data.full)
			is_broken(s, "an event is too large");
		else if (s->data.len > 0 && scan_event(s, &object))
			take_object(s, object);
		else if (s->data.len > 0)
			is_broken(s, "an event is no JSON object");
	}
	s->has_data = false;
	s->data.full = false;
	buf_clear(&s->data);
	buf_clear(&s->name);
}

/* Is it a line of an event stream?  Its value, if it is this field. */
static bool
is_field(const struct buf *line, const char *name, struct span *val)
{
	size_t n = strlen(name);

	if (line->len < n || memcmp(line->p, name, n) != 0 || (line->len > n && line->p[n] != ':'))
		return false;
	n += line->len > n;
	n += line->len > n && line->p[n] == ' ';
	*val = (struct span){ line->p + n, line->len - n };
	return true;
}

static void
take_line(struct chat_stream *s)
{
	struct span val;

	if (s->line.full)
		is_broken(s, "an event is too large");
	if (s->line.len == 0) {
		dispatch(s);
	} else if (is_field(&s->line, "data", &val)) {
		if (s->has_data)
			buf_addc(&s->data, '\n');
		s->has_data = true;
		buf_add(&s->data, val.p, val.len);
	} else if (is_field(&s->line, "event", &val)) {
		buf_clear(&s->name);
		buf_add(&s->name, val.p, val.len);
	}
	s->line.full = false;
	buf_clear(&s->line);
}

/* Split into lines, which end with CR, LF or both. */
static void
take_events(struct chat_stream *s, const char *p, size_t len)
{
	const char *end = p + len;

	while (p < end) {
		const char *from = p;

		if (s->after_cr && *p == '\n') {
			s->after_cr = false;
			p++;
			continue;
		}
		s->after_cr = false;
		while (p < end && *p != '\n' && *p != '\r')
			p++;
		buf_add(&s->line, from, (size_t)(p - from));
		if (p == end)
			break;
		s->after_cr = *p++ == '\r';
		take_line(s);
	}
}

/* ---- which form ---- */

/* Of the first line that is not empty.  final: no more will come. */
static enum form
form_of(struct buf raw, bool final)
{
	static const char *const fields[] = { "data", "event", "id", "retry" };
	struct buf line = { 0 };
	struct span val;
	const char *from = raw.p;

	if (raw.len >= 3 && memcmp(raw.p, "\xef\xbb\xbf", 3) == 0)
		raw.p += 3, raw.len -= 3;
	while (raw.len > 0 && (*raw.p == '\n' || *raw.p == '\r'))
		raw.p++, raw.len--;
	if (raw.len == 0)
		return final || raw.p - from > MOST_EMPTY ? PLAIN : UNKNOWN;
	if (*raw.p == ':')
		return EVENTS;
	if (strchr("deri\xef", *raw.p) == NULL)
		return PLAIN;
	line.p = raw.p;
	while (line.len < raw.len && raw.p[line.len] != '\n' && raw.p[line.len] != '\r' && raw.p[line.len] != ':')
		line.len++;
	if (line.len == raw.len && !final && line.len < 8)
		return UNKNOWN;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (is_field(&line, fields[i], &val))
			return EVENTS;
	return PLAIN;
}

static void
decide(struct chat_stream *s, bool final)
{
	s->form = form_of(s->raw, final);
	if (s->form == EVENTS) {
		size_t bom = s->raw.len >= 3 && memcmp(s->raw.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

		take_events(s, s->raw.p + bom, s->raw.len - bom);
		buf_free(&s->raw);
	}
}

void
chat_stream_add(struct chat_stream *s, const char *p, size_t len)
{
	if (s->form == EVENTS) {
		take_events(s, p, len);
		return;
	}
	if (len > s->max - s->raw.len) {	/* keep what fits */
		s->raw.full = true;
		len = s->max - s->raw.len;
	}
	buf_add(&s->raw, p, len);
	if (s->form == UNKNOWN && s->raw.len > 0)
		decide(s, false);
}

/* ---- the end ---- */

static const char *
end_plain(struct chat_stream *s, struct buf *out)
{
	struct buf copy = { 0 };
	bool good, full = s->raw.full;

	if (s->raw.len == 0)
		return "the answer is empty";
	buf_add(&copy, s->raw.p, s->raw.len);
	buf_pad(&copy);
	json_one_line(copy.p, copy.len);
	good = !full && scan_utf8(copy.p, copy.len) == NULL && scan_value(&s->scan, copy.p) != NULL;
	if (good)
		buf_add(out, s->raw.p, s->raw.len);
	else
		json_encode(s->raw.p, s->raw.len, out);
	buf_free(&copy);
	return good ? NULL : full ? "the answer is too large" : "the answer is not JSON";
}

static void
put_item(const struct item *it, struct buf *out)
{
	struct buf json = { 0 };
	struct scan s = { 0 };
	struct span content;
	const char *before = "";

	buf_add(&json, it->json.p, it->json.len);
	if (json.len == 0)
		buf_adds(&json, "{}");
	buf_pad(&json);
	if (it->done || it->delta.len == 0 || scan_record(&s, json.p) == NULL) {
		buf_add(out, json.p, json.len);
	} else {
		bool call = JSON_MEMBER(((struct span){ json.p, json.len }), "arguments", &content);

		buf_addc(out, '{');
		for (size_t i = 0; i < s.n; i++) {
			struct span key = s.m[i].key;

			if (JSON_SPELLS(key, "content") || JSON_SPELLS(key, "arguments"))
				continue;
			buf_addf(out, "%s\"", before);
			buf_add(out, key.p, key.len);
			buf_adds(out, "\":");
			buf_add(out, s.m[i].val.p, s.m[i].val.len);
			before = ",";
		}
		buf_addf(out, "%s%s", before, call ? "\"arguments\":\"" : "\"content\":[{\"type\":\"output_text\",\"text\":\"");
		buf_add(out, it->delta.p, it->delta.len);
		buf_adds(out, call ? "\"}" : "\"}]}");
	}
	scan_free(&s);
	buf_free(&json);
}

/* A response that was cut: its first object with the items that came. */
static void
put_cut_response(struct chat_stream *s, struct buf *out)
{
	const char *before = "";

	if (s->response.len == 0 || scan_record(&s->scan, s->response.p) == NULL) {
		buf_adds(out, "{\"object\":\"response\",");
	} else {
		buf_addc(out, '{');
		for (size_t i = 0; i < s->scan.n; i++) {
			const struct member *m = &s->scan.m[i];

			if (JSON_SPELLS(m->key, "output") || JSON_SPELLS(m->key, "error"))
				continue;
			buf_addc(out, '"');
			buf_add(out, m->key.p, m->key.len);
			buf_adds(out, "\":");
			buf_add(out, m->val.p, m->val.len);
			buf_addc(out, ',');
		}
	}
	buf_adds(out, "\"output\":[");
	for (size_t i = 0; i < s->n_items; i++) {
		if (s->item[i].json.len == 0 && s->item[i].delta.len == 0)
			continue;
		buf_adds(out, before);
		put_item(&s->item[i], out);
		before = ",";
	}
	buf_adds(out, "]}");
}

static void
put_object(struct chat_stream *s, struct buf *out)
{
	switch (s->api) {
	case NONE:
		buf_adds(out, "{}");
		break;
	case CHAT:
		merge_put_completion(&s->merge, out);
		break;
	case MESSAGES:
		merge_put_message(&s->merge, out);
		break;
	case RESPONSES:
		if (s->stopped && !s->response.full)
			buf_add(out, s->response.p, s->response.len);
		else
			put_cut_response(s, out);
		break;
	}
}

/* The object gets an "error". */
static void
put_error(const struct chat_stream *s, size_t from, struct buf *out)
{
	bool empty = out->len - from == 2;

	out->len--;
	buf_adds(out, empty ? "\"error\":" : ",\"error\":");
	buf_add(out, s->sent_error.p, s->sent_error.len);
	buf_addc(out, '}');
}

bool
chat_error_text(struct span error, struct buf *out)
{
	struct span message = error, inner;

	if (error.len == 0 || json_is_null(error))
		return false;
	if (error.p[0] == '{' && JSON_MEMBER(error, "error", &inner) && !json_is_null(inner))
		return chat_error_text(inner, out);
	if (error.p[0] == '{' && !JSON_MEMBER(error, "message", &message) && !JSON_MEMBER(error, "detail", &message))
		return false;
	if (json_is_string(message))
		json_decode(json_inside(message), out);
	else
		buf_add(out, message.p, message.len);
	return true;
}

static const char *
say_error(struct chat_stream *s, struct span error)
{
	buf_clear(&s->error);
	buf_adds(&s->error, "the service sent an error");
	if (error.len > 0 && !json_is_null(error)) {
		buf_adds(&s->error, ": ");
		if (!chat_error_text(error, &s->error))
			buf_add(&s->error, error.p, error.len);
	}
	return buf_str(&s->error);
}

static const char *
end_events(struct chat_stream *s, struct buf *out)
{
	struct span error = { "null", 4 };
	size_t from = out->len;

	if (s->line.len > 0)
		take_line(s);
	dispatch(s);
	put_object(s, out);
	if (s->sent_error.len > 0 && !s->sent_error.full) {
		put_error(s, from, out);
		return say_error(s, (struct span){ s->sent_error.p, s->sent_error.len });
	}
	if (s->merge.error != NULL) {
		buf_clear(&s->error);
		buf_addf(&s->error, "the answer cannot be kept: %s", s->merge.error);
		return buf_str(&s->error);
	}
	if (s->api == RESPONSES && s->stopped && JSON_MEMBER(((struct span){ s->response.p, s->response.len }), "error", &error) && !json_is_null(error))
		return say_error(s, error);
	if (s->api == NONE && !s->stopped)
		return s->broken != NULL ? s->broken : "the stream is empty";
	if (!s->stopped && !(s->api == CHAT && merge_is_finished(&s->merge)))
		return "the stream was cut";
	return s->broken;
}

const char *
chat_stream_end(struct chat_stream *s, struct buf *out)
{
	if (s->form == UNKNOWN)
		decide(s, true);
	return s->form == EVENTS ? end_events(s, out) : end_plain(s, out);
}
