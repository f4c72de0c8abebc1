#include "trace/line.h"

#include <string.h>

#include "base/when.h"
#include "json/str.h"

static void
put_value(struct span v, struct buf *out)
{
	size_t at = out->len;

	buf_add(out, v.p, v.len);
	if (memchr(v.p, '\n', v.len) != NULL)
		json_one_line(out->p + at, v.len);
}

static void
put_json(const char *name, struct span v, struct buf *out)
{
	if (v.len == 0)
		return;
	buf_addf(out, ",\"%s\":", name);
	put_value(v, out);
}

static void
put_text(const char *name, struct span v, struct buf *out)
{
	if (v.len == 0)
		return;
	buf_addf(out, ",\"%s\":", name);
	json_encode(v.p, v.len, out);
}

static void
put_number(const char *name, int64_t n, struct buf *out)
{
	if (n >= 0)
		buf_addf(out, ",\"%s\":%lld", name, (long long)n);
}

static bool
is_status(const struct trace *t, const char *status)
{
	return t->status.len == strlen(status) && memcmp(t->status.p, status, t->status.len) == 0;
}

/* The client's metadata, and behind it the stage, so that one of the client's does not count; what is no object stands beside it. */
static void
put_metadata(const struct trace *t, struct buf *out)
{
	const char *stage = is_status(t, "pending") ? "started" : "completed";
	struct span v = t->metadata;

	buf_adds(out, ",\"metadata\":{");
	if (v.len >= 2 && v.p[0] == '{') {
		v = (struct span){ v.p + 1 + strspn(v.p + 1, " \t\r\n"), 0 };
		v.len = (size_t)(t->metadata.p + t->metadata.len - 1 - v.p);
	} else if (v.len > 0) {
		json_put_name("metadata", out);
	}
	if (v.len > 0) {
		put_value(v, out);
		buf_addc(out, ',');
	}
	buf_addf(out, "\"stage\":\"%s\"}", stage);
}

void
trace_line_put(const struct trace *t, struct buf *out)
{
	char time[WHEN_SIZE];

	buf_adds(out, "{\"id\":");
	json_encode(t->id, strlen(t->id), out);
	buf_addf(out, ",\"timestamp\":\"%s\"", when_format_local(t->created_us, time));
	put_text("session_id", (struct span){ t->session_id.p, t->session_id.len }, out);
	put_number("turn_number", t->turn > 0 ? t->turn : -1, out);
	put_text("parent_id", t->parent, out);
	put_text("provider", t->provider, out);
	put_text("model", t->model, out);
	put_json("request", t->request, out);
	put_json("response", t->response, out);
	put_text("status", t->status, out);
	buf_addf(out, ",\"success\":%s", is_status(t, "success") ? "true" : "false");
	put_text("error_message", t->error_message, out);
	put_number("http_status", t->http_status > 0 ? t->http_status : -1, out);
	if (t->latency_ms >= 0) {
		buf_addf(out, ",\"performance_metrics\":{\"response_time_ms\":%lld", (long long)t->latency_ms);
		put_number("first_byte_ms", t->first_byte_ms, out);
		buf_addc(out, '}');
	}
	put_metadata(t, out);
	buf_adds(out, "}\n");
}
