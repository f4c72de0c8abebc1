/* seal - encrypt fields of records, and decrypt them; see seal(1) */

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/env.h"
#include "base/mem.h"
#include "base/msg.h"
#include "base/opt.h"
#include "base/sig.h"
#include "base/std.h"
#include "base/when.h"
#include "crypt/sealed.h"
#include "json/path.h"
#include "json/str.h"
#include "ndjson/filter.h"
#include "seal/keyring.h"

static struct http_policy policy = HTTP_POLICY;

static struct {
	struct opt_list fields, bound;
	bool	 opens, allow_plain, no_legacy;
	const char *kms, *keyring;
	struct filter_opts in;
} opts = { .in = FILTER_DEFAULTS };

static const struct opt table[] = {
	OPT_LIST(0, "aad", "PATH", &opts.bound, "bind the values to this field (default session_id; '' is none)"),
	OPT_FLAG(0, "allow-plain", &opts.allow_plain, "with -d, pass values that are not sealed"),
	OPT_FLAG('d', "decrypt", &opts.opens, "open what is sealed"),
	OPT_LIST('f', "field", "PATH", &opts.fields, "the field to seal; several are sealed one by one"),
	OPT_FILTER(opts.in),
	OPT_JOBS(opts.in),
	OPT_NAME(0, "keyring", "FILE", &opts.keyring, "the file of the data keys that Google KMS has wrapped"),
	OPT_NAME(0, "kms", "KEYNAME", &opts.kms, "seal by a new data key that this key of Google KMS wraps"),
	OPT_HTTP(&policy),
	OPT_FLAG(0, "no-legacy", &opts.no_legacy, "with -d, do not open the older form (AES-CBC) of botrun-log"),
};

static const struct tool tool = {
	.name = "seal",
	.synopsis = "-f PATH [options] [FILE ...]",
	.summary = "Encrypt fields of records by AES-256-GCM; with -d, decrypt them.",
	.example = "  cc-count -f action_details entries.ndjson | seal -f action_details >sealed.ndjson",
	.environment = "  BOTRUN_LOG_AES_KEY           the key, 32 bytes in base64; or BOTRUN_LOG_AES_KEY_FILE\n"
	    "  BOTRUN_LOG_AES_KEYS_OLD      older keys, for reading; or ..._FILE\n"
	    "  GOOGLE_APPLICATION_CREDENTIALS  a credential file, for KMS\n"
	    "  GOOGLE_OAUTH_ACCESS_TOKEN    a ready token, in its place; or ..._FILE\n"
	    "  KMS_ENDPOINT                 root of the KMS API",
	.opts = table, .n_opts = sizeof table / sizeof *table, .max_args = -1,
};

struct field {
	struct path path;
	struct buf name;	/* the path in its one spelling */
};

struct seal {
	struct field *fields, *bound;
	size_t	 n_fields, n_bound;
	struct aes_keys keys;
	struct keyring ring;
	const struct aes_key *writer;
	struct counts {
		uint64_t done, older, left;
	} total;
};

struct found {
	const struct field *field;
	struct span val;
};

struct worker {
	struct sealer sealer;
	const struct aes_key *last;	/* of the ring */
	struct found *found;		/* in the record, by place */
	size_t	 n_found, found_cap;
	struct buf bound, text, plain, reason;
	struct buf failure;		/* of KMS: this block's output ends where it came */
	struct scan scan;
	struct counts block;
};

static const char *reason(struct worker *w, const struct field *f, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Why a value is rejected: never a word about what it holds. */
static const char *
reason(struct worker *w, const struct field *f, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_clear(&w->reason);
	buf_add(&w->reason, f->name.p, f->name.len);
	buf_addf(&w->reason, ": %s", text);
	return buf_str(&w->reason);
}

/* ---- values ---- */

static const struct aes_key *
find_key(struct seal *s, struct worker *w, const char *id)
{
	const struct aes_key *key = aes_keys_find(&s->keys, id);

	if (key != NULL)
		return key;
	if (w->last == NULL || strcmp(w->last->id, id) != 0)
		w->last = keyring_find(&s->ring, id, &w->failure);
	return w->last;
}

/* The text of a string, in w->text where there are escapes in it. */
static struct span
string_text(struct worker *w, struct span val)
{
	struct span raw = json_inside(val);

	if (memchr(raw.p, '\\', raw.len) == NULL)
		return raw;
	buf_clear(&w->text);
	json_decode(raw, &w->text);
	return span_of(&w->text);
}

/* Open a value of our form into w->plain.  Returns why not, or NULL. */
static const char *
open_sealed(struct seal *s, struct worker *w, const struct field *f, const struct sealed *v)
{
	const struct aes_key *key = find_key(s, w, v->id);

	if (key == NULL)
		return reason(w, f, "sealed with key %s, which is not among the keys", v->id);
	buf_clear(&w->plain);
	if (!sealed_open(&w->sealer, key, span_of(&f->name), span_of(&w->bound), v, &w->plain))
		return reason(w, f, "sealed with key %s, but changed, or in another field or record", v->id);
	buf_pad(&w->plain);
	if (scan_utf8(w->plain.p, w->plain.len) != NULL || scan_value(&w->scan, w->plain.p) != w->plain.p + w->plain.len)
		return reason(w, f, "sealed with key %s, but what was sealed is not JSON", v->id);
	return NULL;
}

static const char *
open_older(struct seal *s, struct worker *w, const struct field *f, struct span text, struct buf *out)
{
	buf_clear(&w->plain);
	for (size_t i = 0; i < s->keys.n; i++) {
		if (!sealed_old_open(&w->sealer, &s->keys.v[i], text, &w->plain))
			continue;
		json_encode(w->plain.p, w->plain.len, out);
		w->block.older++;
		return NULL;
	}
	return reason(w, f, "in the older form (AES-CBC), which none of the keys opens");
}

static const char *
open_value(struct seal *s, struct worker *w, const struct field *f, struct span val, struct buf *out)
{
	struct sealed v;

	if (json_is_string(val)) {
		struct span text = string_text(w, val);

		if (sealed_begins(text)) {
			const char *why = sealed_parse(text, &v) ? open_sealed(s, w, f, &v) : reason(w, f, "not of the form v1:ID:BASE64");

			if (why == NULL)
				buf_add(out, w->plain.p, w->plain.len);
			w->block.done += why == NULL;
			return why;
		}
		if (!opts.no_legacy && sealed_old_form(text))
			return open_older(s, w, f, text, out);
	}
	/* botrun-log did not encrypt the empty text. */
	if (!opts.allow_plain && (opts.no_legacy || !json_is_string(val) || val.len > 2))
		return reason(w, f, "not sealed (--allow-plain passes it)");
	buf_add(out, val.p, val.len);
	w->block.left++;
	return NULL;
}

/* Most texts differ from the form at once; this spares decoding them. */
static bool
may_be_sealed(struct span val)
{
	return json_is_string(val) && (val.p[1] == 'v' || val.p[1] == '\\');
}

static const char *
seal_value(struct seal *s, struct worker *w, const struct field *f, struct span val, struct buf *out)
{
	struct sealed v;

	if (may_be_sealed(val) && sealed_parse(string_text(w, val), &v)) {
		if (open_sealed(s, w, f, &v) != NULL)
			return reason(w, f, "looks sealed already, with key %s, but does not open", v.id);
		buf_add(out, val.p, val.len);
		w->block.left++;
		return NULL;
	}
	buf_addc(out, '"');
	if (!sealed_put(&w->sealer, s->writer, span_of(&f->name), span_of(&w->bound), val, out))
		return reason(w, f, "libcrypto cannot seal it");
	buf_addc(out, '"');
	w->block.done++;
	return NULL;
}

/* ---- records ---- */

/* The fields that all values of the record are bound to: as text, so that a database may give back another spelling. */
static void
bind_record(const struct seal *s, struct worker *w, const struct scan *scan)
{
	buf_clear(&w->bound);
	for (size_t i = 0; i < s->n_bound; i++) {
		struct span val = { "", 0 };

		if (!path_find(&s->bound[i].path, scan, &val) || json_is_null(val))
			val = (struct span){ "", 0 };
		sealed_bind(json_is_string(val) ? string_text(w, val) : val, &w->bound);
	}
}

/* Does a name of the path stand twice?  One of them would stay as it is, and there are readers that take that one. */
static bool
stands_twice(const struct path *path, const struct scan *scan)
{
	const struct path_step *step = path->step;
	size_t n = 0;

	for (size_t i = 0; i < scan->n && step->name != NULL; i++)
		n += json_spells(scan->m[i].key, step->name, step->len);
	for (size_t i = 1; i < path->n && n < 2; i++) {
		const struct path above = { path->step, i };
		struct json_iter it;
		struct member m;
		struct span object;

		if (!path_find(&above, scan, &object))
			return false;
		step = &path->step[i];
		if (step->name == NULL || *object.p != '{')
			continue;
		n = 0;
		for (it = json_open(object); json_next_member(&it, &m); )
			n += json_spells(m.key, step->name, step->len);
	}
	return n >= 2;
}

/* Returns why the record is rejected, or NULL. */
static const char *
find_fields(const struct seal *s, struct worker *w, const struct scan *scan)
{
	w->n_found = 0;
	for (size_t i = 0; i < s->n_fields; i++) {
		struct span val;
		size_t at;

		if (stands_twice(&s->fields[i].path, scan))
			return reason(w, &s->fields[i], "more than once in the record");
		if (!path_find(&s->fields[i].path, scan, &val) || json_is_null(val))
			continue;
		w->found = mem_grow(w->found, &w->found_cap, w->n_found + 1, sizeof *w->found);
		for (at = w->n_found++; at > 0 && w->found[at - 1].val.p > val.p; at--)
			w->found[at] = w->found[at - 1];
		w->found[at] = (struct found){ &s->fields[i], val };
	}
	return NULL;
}

static const char *
take_record(void *ctx, void *state, const struct record *r, struct buf *out)
{
	struct seal *s = ctx;
	struct worker *w = state;
	struct counts before = w->block;
	const char *p = r->line.p, *why;
	size_t from = out->len;

	if (w->failure.len != 0)
		return NULL;
	bind_record(s, w, r->scan);
	why = find_fields(s, w, r->scan);
	for (size_t i = 0; i < w->n_found && why == NULL; i++) {
		struct found *f = &w->found[i];

		buf_add(out, p, (size_t)(f->val.p - p));
		why = (opts.opens ? open_value : seal_value)(s, w, f->field, f->val, out);
		p = f->val.p + f->val.len;
	}
	buf_add(out, p, (size_t)(r->line.p + r->line.len - p));
	if (why != NULL) {
		out->len = from;
		w->block = before;
	}
	return w->failure.len != 0 ? NULL : why;
}

static void
commit(void *ctx, void *state, struct buf *out)
{
	struct seal *s = ctx;
	struct worker *w = state;

	std_out(out->p, out->len);
	buf_clear(out);
	s->total.done += w->block.done;
	s->total.older += w->block.older;
	s->total.left += w->block.left;
	w->block = (struct counts){ 0 };
	if (w->failure.len != 0)
		die(ST_FAILED, "%s", buf_str(&w->failure));
}

static void
free_worker(void *state)
{
	struct worker *w = state;

	sealer_free(&w->sealer);
	free(w->found);
	scan_free(&w->scan);
	buf_free(&w->bound);
	wipe_buf(&w->text);
	wipe_buf(&w->plain);
	buf_free(&w->reason);
	buf_free(&w->failure);
}

/* ---- paths ---- */

static bool
is_plain_name(const struct path_step *step)
{
	for (size_t i = 0; i < step->len; i++) {
		unsigned char c = (unsigned char)step->name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c >= 0x80))
			return false;
	}
	return step->len != 0;
}

/* The path as it is bound to, however it was given: a.b[0]["odd key"]. */
static void
spell(const struct path *path, struct buf *out)
{
	for (size_t i = 0; i < path->n; i++) {
		const struct path_step *step = &path->step[i];

		if (step->name == NULL) {
			buf_addf(out, "[%ld]", step->index);
		} else if (is_plain_name(step)) {
			buf_adds(out, i == 0 ? "" : ".");
			buf_add(out, step->name, step->len);
		} else {
			buf_addc(out, '[');
			json_encode(step->name, step->len, out);
			buf_addc(out, ']');
		}
	}
}

static struct field *
parse_paths(const char *option, const struct opt_list *list, size_t *n)
{
	struct field *v = mem_zero(list->n, sizeof *v);

	*n = 0;
	for (size_t i = 0; i < list->n; i++) {
		const char *error;

		if (list->v[i][0] == '\0' && list == &opts.bound && list->n == 1)
			break;
		if (path_parse(&v[i].path, list->v[i], &error) == -1)
			opt_misuse("%s: '%s' is not a path: %s", option, list->v[i], error);
		spell(&v[i].path, &v[i].name);
		*n = i + 1;
	}
	return v;
}

/* Can the two be, or lie in, the same value?  An index from the end may mean any element. */
static bool
overlap(const struct path *a, const struct path *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		const struct path_step *x = &a->step[i], *y = &b->step[i];

		if ((x->name == NULL) != (y->name == NULL))
			return false;
		if (x->name != NULL ? x->len != y->len || memcmp(x->name, y->name, x->len) != 0 :
		    x->index != y->index && (x->index < 0) == (y->index < 0))
			return false;
	}
	return true;
}

static void
get_paths(struct seal *s)
{
	static const char *session[] = { "session_id" };
	static const struct opt_list by_default = { session, 1, 1 };

	if (opts.fields.n == 0)
		opt_misuse("no field: name one with -f, such as -f action_details");
	s->fields = parse_paths("-f", &opts.fields, &s->n_fields);
	s->bound = parse_paths("--aad", opts.bound.n == 0 ? &by_default : &opts.bound, &s->n_bound);
	for (size_t i = 0; i < s->n_fields; i++) {
		for (size_t k = 0; k < i; k++)
			if (overlap(&s->fields[i].path, &s->fields[k].path))
				opt_misuse("-f: '%s' and '%s' may be one value", buf_str(&s->fields[k].name), buf_str(&s->fields[i].name));
		for (size_t k = 0; k < s->n_bound; k++)
			if (overlap(&s->fields[i].path, &s->bound[k].path))
				opt_misuse("--aad: '%s' would itself be sealed", buf_str(&s->bound[k].name));
	}
}

static void
free_paths(struct field *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		path_free(&v[i].path);
		buf_free(&v[i].name);
	}
	free(v);
}

/* ---- keys ---- */

static void
warn_of_readers(const char *name)
{
	const char *const names[] = { name, NULL };
	char *path = env_get(names);
	struct stat st;

	if (path != NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		warn("%s: %s: others can %s it; chmod 600", name, path, st.st_mode & S_IROTH ? "read" : "write");
	free(path);
}

static void
open_keyring(struct seal *s)
{
	struct buf error = { 0 };

	if (opts.kms != NULL && !kms_is_name(opts.kms))
		opt_misuse("--kms: not projects/P/locations/L/keyRings/R/cryptoKeys/K");
	if (opts.kms != NULL && opts.keyring == NULL)
		opt_misuse("--kms: name the file for the wrapped keys with --keyring");
	if (opts.keyring == NULL)
		return;
	if (opts.kms == NULL && !opts.opens)
		opt_misuse("--keyring: name the key that wraps with --kms");
	sig_ignore_pipe();
	s->ring.path = opts.keyring;
	if ((s->ring.kms = kms_new(&policy, &error)) == NULL)
		die(ST_USAGE, "%s", buf_str(&error));
	if (keyring_load(&s->ring, opts.kms) == -1 && (opts.opens || errno != ENOENT))
		die(ST_USAGE, "--keyring: %s: %s", opts.keyring, strerror(errno));
	if (!opts.opens && (s->writer = keyring_new_key(&s->ring, opts.kms, &error)) == NULL)
		die(ST_FAILED, "%s", buf_str(&error));
}

static void
get_keys(struct seal *s)
{
	struct buf error = { 0 };

	if (aes_keys_load(&s->keys, &error) == -1)
		die(ST_USAGE, "%s", buf_str(&error));
	warn_of_readers("BOTRUN_LOG_AES_KEY_FILE");
	warn_of_readers("BOTRUN_LOG_AES_KEYS_OLD_FILE");
	if (opts.opens ? s->keys.n == 0 && opts.keyring == NULL : s->keys.n == 0 && opts.kms == NULL)
		die(ST_USAGE, "BOTRUN_LOG_AES_KEY is not set; make a key with: head -c 32 /dev/urandom | base64");
	if (!opts.opens && opts.kms == NULL && !s->keys.writes)
		die(ST_USAGE, "BOTRUN_LOG_AES_KEY: to seal, a key of 32 bytes is needed; shorter ones only read");
	s->writer = &s->keys.v[0];
	open_keyring(s);
}

int
main(int argc, char *argv[])
{
	struct seal s = { .ring.lock = PTHREAD_MUTEX_INITIALIZER };
	struct filter f = {
		.opts = &opts.in, .ctx = &s, .state_size = sizeof(struct worker), .state_free = free_worker,
		.record = take_record, .commit = commit,
	};
	struct filter_totals t = { 0 };
	int64_t start = when_mono();
	int st, n = opt_parse(&tool, argc, argv);

	/* die() in one worker must not take libcrypto away from the others. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	get_paths(&s);
	get_keys(&s);

	st = filter_run(&f, argv, n, &t);

	verbose("read=%llu %s=%llu older=%llu left=%llu rejected=%llu seconds=%.1f", (unsigned long long)t.read,
	    opts.opens ? "opened" : "sealed", (unsigned long long)s.total.done, (unsigned long long)s.total.older,
	    (unsigned long long)s.total.left, (unsigned long long)t.rejected, (double)(when_mono() - start) / 1e3);
	aes_keys_free(&s.keys);
	keyring_free(&s.ring);
	free_paths(s.fields, s.n_fields);
	free_paths(s.bound, s.n_bound);
	return std_close(st);
}
