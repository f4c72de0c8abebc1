#include "langsmith/message.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "json/str.h"

#define MOST_NAMES 6
#define NAME(s) { s, sizeof s - 1 }

/* How each side of a conversation is named; an empty name ends a list. */
static const struct {
	struct span role[MOST_NAMES];	/* in "role", and first in a pair */
	struct span type[MOST_NAMES];	/* in "type" */
	struct span class[MOST_NAMES];	/* last piece of a constructor's "id", without "Chunk" */
} names[] = {
	[ROLE_USER] = { { NAME("user"), NAME("human") }, { NAME("human") }, { NAME("HumanMessage") } },
	[ROLE_ASSISTANT] = { { NAME("assistant"), NAME("ai"), NAME("model") }, { NAME("ai") }, { NAME("AIMessage") } },
	[ROLE_SYSTEM] = { { NAME("system") }, { NAME("system") }, { NAME("SystemMessage") } },
	[ROLE_DEVELOPER] = { { NAME("developer") }, { NAME("developer") }, { { NULL, 0 } } },
	[ROLE_TOOL] = { { NAME("tool"), NAME("function") }, { NAME("tool"), NAME("function") },
	    { NAME("ToolMessage"), NAME("FunctionMessage") } },
};

/* Where the list and the plain text stand, the first name first. */
static const struct span input_lists[] = { NAME("messages"), NAME("input"), NAME("contents"), NAME("inputs"), NAME("chat"), { NULL, 0 } };
static const struct span output_lists[] = {
	NAME("messages"), NAME("output"), NAME("outputs"), NAME("choices"), NAME("generations"), { NULL, 0 }
};
static const struct span input_fields[] = {
	NAME("input"), NAME("question"), NAME("query"), NAME("prompt"), NAME("prompts"), NAME("user_input"), NAME("chatInput"), NAME("text"),
	NAME("message"), NAME("content"), NAME("contents"), NAME("args"), { NULL, 0 }
};
static const struct span output_fields[] = {
	NAME("output"), NAME("answer"), NAME("result"), NAME("response"), NAME("text"), NAME("message"), NAME("content"), NAME("completion"),
	{ NULL, 0 }
};
static const struct span made_by_programs[] = { NAME("tool"), NAME("retriever"), NAME("parser"), NAME("embedding"), { NULL, 0 } };

static bool
is_name(struct span key, const struct span *name)
{
	for (; name->len != 0; name++)
		if (json_spells(key, name->p, name->len))
			return true;
	return false;
}

static bool
is_one_of(struct span value, const struct span *name)
{
	return json_is_string(value) && is_name(json_inside(value), name);
}

static bool
is_a(struct span v, char open)
{
	return v.len != 0 && v.p[0] == open;
}

/* A string value that is not "". */
static bool
has_text(struct span v)
{
	return json_is_string(v) && v.len > 2;
}

static bool
is_pair(struct span v, struct span *first, struct span *second)
{
	struct json_iter it;
	struct span more;

	if (!is_a(v, '['))
		return false;
	it = json_open(v);
	return json_next_element(&it, first) && json_next_element(&it, second) && !json_next_element(&it, &more) &&
	    json_is_string(*first) && json_is_string(*second);
}

/* ---- the list ---- */

/* Load the elements of the list that starts at p; returns its end. */
static const char *
load(struct message_finder *f, const char *p)
{
	struct json_iter it = scan_open(f->record, p);
	struct span e;

	f->loaded = p;
	for (f->n = 0; json_next_element(&it, &e); f->n++) {
		f->list = mem_grow(f->list, &f->cap, f->n + 1, sizeof *f->list);
		f->list[f->n] = e;
	}
	return it.p + 1;
}

/* Load a list; of a list of lists of objects (one per prompt of a batch) the last. */
static void
load_list(struct message_finder *f, struct span list)
{
	struct json_iter it;
	struct span e;

	if (f->loaded != list.p)
		load(f, list.p);
	if (f->n == 0 || !is_a(f->list[f->n - 1], '['))
		return;
	it = json_open(f->list[f->n - 1]);
	if (json_next_element(&it, &e) && is_a(e, '{'))
		load(f, f->list[f->n - 1].p);
}

/*
 * Note the members of the inputs.  The inputs are most of a run, so they are walked once: what may turn
 * out to be the list is loaded on the way.
 */
static void
look_into(struct message_finder *f, struct span inputs, const struct span *lists)
{
	struct json_iter it = scan_open(f->record, inputs.p);
	struct member m;

	f->n_members = 0;
	f->loaded = NULL;
	while (json_next_name(&it, &m.key)) {
		m.val.p = it.p;
		it.p = *it.p == '[' && is_name(m.key, lists) ? load(f, it.p) : json_behind(&it);
		m.val.len = (size_t)(it.p - m.val.p);
		f->member = mem_grow(f->member, &f->members_cap, f->n_members + 1, sizeof *f->member);
		f->member[f->n_members++] = m;
	}
}

/* The last of this name counts. */
static bool
find(const struct message_finder *f, struct span name, struct span *val)
{
	for (size_t i = f->n_members; i-- > 0; )
		if (json_spells(f->member[i].key, name.p, name.len)) {
			*val = f->member[i].val;
			return true;
		}
	return false;
}

static bool
looks_like_message(struct span e)
{
	static const struct span known[] = {
		NAME("user"), NAME("human"), NAME("system"), NAME("developer"), NAME("assistant"), NAME("ai"), NAME("tool"), NAME("function"),
		NAME("model"), { NULL, 0 }
	};
	struct span v, w;

	if (is_pair(e, &v, &w))
		return is_one_of(v, known);
	if (!is_a(e, '{'))
		return false;
	if (JSON_MEMBER(e, "role", &v) && json_is_string(v))
		return true;
	if (JSON_MEMBER(e, "type", &v) && json_is_string(v) &&
	    (JSON_MEMBER(e, "content", &w) || JSON_MEMBER(e, "data", &w) || JSON_MEMBER(e, "kwargs", &w)))
		return true;
	return JSON_MEMBER(e, "parts", &v) && is_a(v, '[');
}

/* A list, or an object with a list in "messages". */
static bool
list_in(struct span v, struct span *list)
{
	*list = v;
	if (is_a(v, '{') && !JSON_MEMBER(v, "messages", list))
		return false;
	return is_a(*list, '[');
}

/* A string that spells a list of messages: some tracers store them so. */
static bool
list_in_string(struct message_finder *f, struct span string)
{
	struct span list, raw = json_inside(string);

	if (raw.len == 0 || (raw.p[0] != '[' && raw.p[0] != '{' && raw.p[0] != '\\'))
		return false;
	buf_clear(&f->decoded);
	json_decode(raw, &f->decoded);
	buf_pad(&f->decoded);
	if ((f->decoded.p[0] != '[' && f->decoded.p[0] != '{'))
		return false;
	json_one_line(f->decoded.p, f->decoded.len);
	if (scan_value(&f->scan, f->decoded.p) != f->decoded.p + f->decoded.len)
		return false;
	if (!list_in((struct span){ f->decoded.p, f->decoded.len }, &list))
		return false;
	f->loaded = NULL;	/* another text may have stood in the same place */
	f->record = &f->scan;
	load_list(f, list);
	for (size_t i = 0; i < f->n; i++)
		if (looks_like_message(f->list[i]))
			return true;
	return false;
}

bool
message_list(struct message_finder *f, const struct scan *record, struct span inputs)
{
	const struct span *name = f->from_outputs ? output_lists : input_lists;

	f->n_members = 0;
	f->record = record;
	f->scan.map_depth = MESSAGE_DEPTH;
	if (is_a(inputs, '{'))
		look_into(f, inputs, name);
	for (; name->len != 0; name++) {
		struct span v, list;

		if (!find(f, *name, &v))
			continue;
		if (is_a(v, '{') && !JSON_MEMBER(v, "messages", &v))
			continue;
		f->record = record;
		f->roleless = JSON_SPELLS(*name, "contents");
		f->decoded_list = json_is_string(v);
		if (f->decoded_list ? list_in_string(f, v) : is_a(v, '[')) {
			if (!f->decoded_list && list_in(v, &list))
				load_list(f, list);
			return true;
		}
	}
	f->n = 0;
	return false;
}

/* ---- a message ---- */

static bool
is_class(struct span id, const struct span *class)
{
	struct json_iter it;
	struct span last = { NULL, 0 };

	if (!is_a(id, '['))
		return false;
	for (it = json_open(id); json_next_element(&it, &last); )
		;
	if (last.p == NULL || !json_is_string(last))
		return false;
	for (; class->len != 0; class++) {
		size_t n = class->len;
		struct span raw = json_inside(last);

		if (json_spells(raw, class->p, n))
			return true;
		if (raw.len == n + 5 && memcmp(raw.p, class->p, n) == 0 && memcmp(raw.p + n, "Chunk", 5) == 0)
			return true;
	}
	return false;
}

/* The members of a message that count; empty where they are missing. */
struct message {
	struct span role, type, id, content, kwargs, data, parts;
};

/* All of them in one pass: a message may be long. */
static struct message
look_at(const struct message_finder *f, struct span object)
{
	struct message m = { .role = { NULL, 0 } };
	struct json_iter it = scan_open(f->record, object.p);
	struct member e;

	while (json_next_member(&it, &e)) {
		if (JSON_SPELLS(e.key, "role"))
			m.role = e.val;
		else if (JSON_SPELLS(e.key, "type"))
			m.type = e.val;
		else if (JSON_SPELLS(e.key, "id"))
			m.id = e.val;
		else if (JSON_SPELLS(e.key, "content"))
			m.content = e.val;
		else if (JSON_SPELLS(e.key, "kwargs"))
			m.kwargs = e.val;
		else if (JSON_SPELLS(e.key, "data"))
			m.data = e.val;
		else if (JSON_SPELLS(e.key, "parts"))
			m.parts = e.val;
	}
	return m;
}

static bool
is_wanted(const struct message_finder *f, const struct message *m)
{
	if (is_one_of(m->role, names[f->role].role) || is_one_of(m->type, names[f->role].type) ||
	    is_class(m->id, names[f->role].class))
		return true;
	return f->role == ROLE_USER && f->roleless && (m->role.p == NULL || json_is_null(m->role)) &&
	    (m->type.p == NULL || json_is_null(m->type));
}

/* Move behind the part that the iterator is at, which may be long: in one pass.  Returns whether it is a text. */
static bool
part_text(const struct message_finder *f, struct json_iter *parts, struct span *text)
{
	static const struct span asked[] = { NAME("text"), NAME("input_text"), { NULL, 0 } };
	static const struct span answered[] = { NAME("text"), NAME("output_text"), { NULL, 0 } };
	struct json_iter it = { parts->p + 1, NULL, 0 };
	struct span type = { NULL, 0 };
	struct member m;

	*text = type;
	if (*parts->p != '{') {
		text->p = parts->p;
		parts->p = json_behind(parts);
		text->len = (size_t)(parts->p - text->p);
		return has_text(*text);
	}
	while (json_next_member(&it, &m)) {
		if (JSON_SPELLS(m.key, "type"))
			type = m.val;
		else if (JSON_SPELLS(m.key, "text"))
			*text = m.val;
	}
	parts->p = it.p + 1;
	if (type.p != NULL && !json_is_null(type) && !is_one_of(type, f->role == ROLE_ASSISTANT ? answered : asked))
		return false;
	return has_text(*text);
}

/* Append a string's text: as it stands, or spelled anew where its list was spelled in a string. */
static void
put_text(struct message_finder *f, struct span string, struct buf *out)
{
	struct span raw = json_inside(string);

	if (!f->decoded_list) {
		buf_add(out, raw.p, raw.len);
		return;
	}
	buf_clear(&f->text);
	json_decode(raw, &f->text);
	json_encode_inside(f->text.p, f->text.len, out);
}

static bool
content_text(struct message_finder *f, struct span content, struct buf *out)
{
	size_t from = out->len;
	struct json_iter it;
	struct span text;

	if (has_text(content)) {
		put_text(f, content, out);
		return true;
	}
	if (!is_a(content, '['))
		return false;
	for (it = json_open(content); json_next_place(&it); ) {
		if (!part_text(f, &it, &text))
			continue;
		if (out->len != from)
			buf_adds(out, "\\n");
		put_text(f, text, out);
	}
	return out->len != from;
}

static bool
object_text(struct message_finder *f, const struct message *m, struct buf *out)
{
	struct span content;

	return content_text(f, m->content, out) ||
	    (JSON_MEMBER(m->kwargs, "content", &content) && content_text(f, content, out)) ||
	    (JSON_MEMBER(m->data, "content", &content) && content_text(f, content, out)) ||
	    content_text(f, m->parts, out);
}

/* An element of "choices" or "generations": the message is inside, or its text beside. */
static bool
answer_text(struct message_finder *f, struct span e, struct buf *out)
{
	struct span v;

	if (JSON_MEMBER(e, "message", &v) && is_a(v, '{')) {
		struct message m = look_at(f, v);

		return is_wanted(f, &m) && object_text(f, &m, out);
	}
	return f->role == ROLE_ASSISTANT && JSON_MEMBER(e, "text", &v) && content_text(f, v, out);
}

bool
message_text(struct message_finder *f, size_t i, struct buf *out)
{
	struct span e = f->list[i], role, text;
	struct message m;

	if (is_a(e, '"') && f->roleless && f->role == ROLE_USER)
		return content_text(f, e, out);
	if (is_pair(e, &role, &text))
		return is_one_of(role, names[f->role].role) && content_text(f, text, out);
	if (!is_a(e, '{'))
		return false;
	m = look_at(f, e);
	if (is_wanted(f, &m))
		return object_text(f, &m, out);
	return f->from_outputs && answer_text(f, e, out);
}

/* ---- no list ---- */

static bool
only_string(struct span list, struct span *found)
{
	struct json_iter it;
	struct span e;
	int n = 0;

	for (it = json_open(list); json_next_element(&it, &e); )
		if (json_is_string(e)) {
			*found = e;
			n++;
		}
	return n == 1 && has_text(*found);
}

static bool
last_string(struct span list, struct span *found)
{
	struct json_iter it;

	*found = (struct span){ NULL, 0 };
	for (it = json_open(list); json_next_element(&it, found); )
		;
	return has_text(*found);
}

static bool
made_by_program(struct span run_type)
{
	if (!json_is_string(run_type))
		return false;
	for (const struct span *name = made_by_programs; name->len != 0; name++)
		if (run_type.len - 2 == name->len && strncasecmp(run_type.p + 1, name->p, name->len) == 0)
			return true;
	return false;
}

bool
message_field(struct message_finder *f, struct span run_type, struct buf *out)
{
	const struct span *name = f->from_outputs ? output_fields : input_fields;

	/* Plain inputs are the user's, plain outputs the assistant's; nobody else speaks in them. */
	if (f->role != (f->from_outputs ? ROLE_ASSISTANT : ROLE_USER) || made_by_program(run_type))
		return false;
	f->decoded_list = false;
	for (; name->len != 0; name++) {
		struct span v, text;
		bool found;

		if (!find(f, *name, &v))
			continue;
		if (JSON_SPELLS(*name, "prompts"))
			found = is_a(v, '[') && last_string(v, &text);
		else if (JSON_SPELLS(*name, "args"))
			found = is_a(v, '[') && only_string(v, &text);
		else
			found = has_text(text = v) || (f->from_outputs && is_a(v, '['));
		if (found && content_text(f, text, out))
			return true;
	}
	return false;
}

void
message_free(struct message_finder *f)
{
	free(f->list);
	free(f->member);
	buf_free(&f->decoded);
	buf_free(&f->text);
	scan_free(&f->scan);
	memset(f, 0, sizeof *f);
}
