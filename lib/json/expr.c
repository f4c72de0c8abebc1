#include "json/expr.h"

#include <dlfcn.h>
#include <jq.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* jv.h has an inline function that calls it; without optimisation that would bind us to libjq. */
#pragma weak jv_get_kind

/* All that is used of libjq. */
#define SYMBOLS(X) \
	X(jq_init) X(jq_compile) X(jq_set_error_cb) X(jq_start) X(jq_next) X(jq_teardown) X(jq_set_attr) X(jq_halted) X(jv_string) X(jv_array) \
	X(jv_parse_sized) X(jv_get_kind) X(jv_invalid_has_msg) X(jv_invalid_get_msg) X(jv_copy) X(jv_free) \
	X(jv_string_value) X(jv_string_length_bytes) X(jv_dump_string)

#define DECLARE(name) __typeof__(name) *name;
static struct {
	SYMBOLS(DECLARE)
} lib;

struct expr {
	jq_state *jq;
	struct buf *error;	/* borrowed while compiling */
};

static const char *load_error;

static void
load(void)
{
	void *h = dlopen("libjq.so.1", RTLD_NOW | RTLD_LOCAL);

	if (h == NULL) {
		load_error = "libjq.so.1 cannot be loaded; install libjq1";
		return;
	}
#define RESOLVE(name) \
	if ((*(void **)&lib.name = dlsym(h, #name)) == NULL) \
		load_error = "libjq.so.1 has no " #name;
	SYMBOLS(RESOLVE)
}

static void
put_string(jv string, struct buf *out)
{
	int n = lib.jv_string_length_bytes(lib.jv_copy(string));

	buf_add(out, lib.jv_string_value(string), (size_t)n);
	lib.jv_free(string);
}

static void
on_error(void *ctx, jv msg)
{
	struct expr *e = ctx;

	if (e->error == NULL || lib.jv_get_kind(msg) != JV_KIND_STRING) {
		lib.jv_free(msg);
		return;
	}
	if (e->error->len != 0)
		buf_adds(e->error, "; ");
	put_string(msg, e->error);
}

struct expr *
expr_new(const char *program, struct buf *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct expr *e;

	pthread_once(&once, load);
	if (load_error != NULL) {
		buf_adds(error, load_error);
		return NULL;
	}
	e = mem_zero(1, sizeof *e);
	e->error = error;
	if ((e->jq = lib.jq_init()) == NULL) {
		buf_adds(error, "out of memory");
		free(e);
		return NULL;
	}
	lib.jq_set_error_cb(e->jq, on_error, e);
	/* Without it import and include end the process by an assertion. */
	lib.jq_set_attr(e->jq, lib.jv_string("JQ_LIBRARY_PATH"), lib.jv_array());
	if (!lib.jq_compile(e->jq, program)) {
		expr_free(e);
		return NULL;
	}
	e->error = NULL;
	return e;
}

void
expr_free(struct expr *e)
{
	if (e == NULL)
		return;
	lib.jq_teardown(&e->jq);
	free(e);
}

static enum expr_result
failed(jv invalid, struct buf *out)
{
	jv msg = lib.jv_invalid_get_msg(invalid);

	put_string(lib.jv_get_kind(msg) == JV_KIND_STRING ? msg : lib.jv_dump_string(msg, 0), out);
	return EXPR_ERROR;
}

enum expr_result
expr_first(struct expr *e, struct span json, struct buf *out)
{
	jv v;

	if (json.len > INT32_MAX / 2) {
		buf_adds(out, "too long for jq");
		return EXPR_ERROR;
	}
	v = lib.jv_parse_sized(json.p, (int)json.len);
	if (lib.jv_get_kind(v) == JV_KIND_INVALID)
		return failed(v, out);
	lib.jq_start(e->jq, v, 0);
	v = lib.jq_next(e->jq);
	switch (lib.jv_get_kind(v)) {
	case JV_KIND_INVALID:
		if (lib.jv_invalid_has_msg(lib.jv_copy(v)))
			return failed(v, out);
		lib.jv_free(v);
		if (lib.jq_halted(e->jq)) {
			buf_adds(out, "the program halted");
			return EXPR_ERROR;
		}
		return EXPR_NOTHING;
	case JV_KIND_NULL:
		lib.jv_free(v);
		return EXPR_NOTHING;
	case JV_KIND_STRING:
		put_string(v, out);
		return EXPR_TEXT;
	case JV_KIND_FALSE:
	case JV_KIND_TRUE:
	case JV_KIND_NUMBER:
	case JV_KIND_ARRAY:
	case JV_KIND_OBJECT:
		put_string(lib.jv_dump_string(v, 0), out);
		return EXPR_OTHER;
	}
	lib.jv_free(v);
	return EXPR_NOTHING;
}
