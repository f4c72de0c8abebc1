/*
 * The page that the browser shows.  Its files are part of the program: the assembler puts them in (the Makefile names them as what
 * this file is made from).
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "trace-serve/serve.h"

#define DIR "cmd/trace-serve/page/"
/* The bytes from page_NAME up to page_NAME_end; global, because a link-time optimiser may put this file's C and assembly apart. */
#define LABEL(label) ".globl " label "\n.hidden " label "\n" label ":\n"
#define EMBED(name, file) \
	__asm__(".section .rodata\n.balign 16\n" LABEL("page_" #name) ".incbin \"" DIR file "\"\n" LABEL("page_" #name "_end") \
	    ".byte 0\n.previous\n"); \
	extern const char page_##name[], page_##name##_end[]

EMBED(index, "index.html");
EMBED(style, "style.css");
EMBED(icon, "icon.svg");
EMBED(app, "app.js");
EMBED(api, "api.js");
EMBED(chart, "chart.js");
EMBED(chat, "chat.js");
EMBED(compare, "compare.js");
EMBED(conversation, "conversation.js");
EMBED(diff, "diff.js");
EMBED(dom, "dom.js");
EMBED(json, "json.js");
EMBED(list, "list.js");
EMBED(record, "record.js");
EMBED(replay, "replay.js");
EMBED(rows, "rows.js");
EMBED(sessions, "sessions.js");
EMBED(texts, "texts.js");
EMBED(trash, "trash.js");
EMBED(tree, "tree.js");
EMBED(turns, "turns.js");
EMBED(watch, "watch.js");

#define HTML "text/html; charset=utf-8"
#define CSS "text/css; charset=utf-8"
#define SVG "image/svg+xml"
#define JS "text/javascript; charset=utf-8"
#define IS(name) page_##name, page_##name##_end

static const struct file {
	const char *path, *type, *from, *to;
} files[] = {
	{ "/", HTML, IS(index) }, { "/index.html", HTML, IS(index) }, { "/style.css", CSS, IS(style) },
	{ "/icon.svg", SVG, IS(icon) }, { "/favicon.ico", SVG, IS(icon) },
	{ "/app.js", JS, IS(app) }, { "/api.js", JS, IS(api) }, { "/chart.js", JS, IS(chart) }, { "/chat.js", JS, IS(chat) },
	{ "/compare.js", JS, IS(compare) }, { "/conversation.js", JS, IS(conversation) }, { "/diff.js", JS, IS(diff) },
	{ "/dom.js", JS, IS(dom) }, { "/json.js", JS, IS(json) }, { "/list.js", JS, IS(list) }, { "/record.js", JS, IS(record) },
	{ "/replay.js", JS, IS(replay) }, { "/rows.js", JS, IS(rows) }, { "/texts.js", JS, IS(texts) }, { "/trash.js", JS, IS(trash) },
	{ "/tree.js", JS, IS(tree) }, { "/sessions.js", JS, IS(sessions) }, { "/turns.js", JS, IS(turns) }, { "/watch.js", JS, IS(watch) },
};
#define N_FILES (sizeof files / sizeof *files)

/* Nothing but our own files is run or shown, and no text can become markup by any mistake of a script (trusted types). */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

static char etags[N_FILES][24];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* FNV-1a: the tags only have to differ between versions of a file. */
static void
make_etags(void)
{
	for (size_t i = 0; i < N_FILES; i++) {
		uint64_t h = UINT64_C(14695981039346656037);

		for (const char *p = files[i].from; p < files[i].to; p++)
			h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
		(void)snprintf(etags[i], sizeof etags[i], "\"%016" PRIx64 "\"", h);
	}
}

static void
set_headers(struct request *rq, const char *etag)
{
	(void)request_set(rq, "Content-Security-Policy", policy);
	(void)request_set(rq, "Cross-Origin-Opener-Policy", "same-origin");
	(void)request_set(rq, "Referrer-Policy", "no-referrer");
	(void)request_set(rq, "Cache-Control", "no-cache");
	(void)request_set(rq, "ETag", etag);
}

bool
page_answer(struct request *rq)
{
	const char *method = request_method(rq), *path = request_path(rq), *known = request_header(rq, "If-None-Match");
	size_t i = 0;

	while (i < N_FILES && strcmp(path, files[i].path) != 0)
		i++;
	if (i == N_FILES || (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0))
		return false;
	(void)pthread_once(&once, make_etags);
	set_headers(rq, etags[i]);
	if (known != NULL && strstr(known, etags[i]) != NULL)
		request_answer(rq, 304, NULL, NULL);
	else
		request_answer_static(rq, 200, files[i].type, files[i].from, (size_t)(files[i].to - files[i].from));
	return true;
}
