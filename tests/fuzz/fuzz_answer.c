/*
 * fuzz_answer - any bytes as what a service sends, one answer after the other: LangSmith, Feishu (finding a table or a spreadsheet and
 * reading it, logging in), Google (tokens, jobs, keys) or an OpenAI-compatible API.  A call that does not succeed says why, and never
 * with a secret.
 *
 * The first byte says which call; answers end at 0x1e, and the last is repeated.  One that begins with 'H' is sent as it is, '{' or '[' begin
 * the body of a good one; the first byte of any other says its status.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/msg.h"
#include "base/sig.h"
#include "feishu/bitable.h"
#include "feishu/oauth.h"
#include "feishu/sheet.h"
#include "google/kms.h"
#include "google/table.h"
#include "json/str.h"
#include "langsmith/apart.h"
#include "langsmith/run.h"
#include "listen.h"
#include "openai/client.h"

#define MOST_PAGES 3	/* the client takes its time between them */
#define SECRET "sk-0123456789"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_policy once = { .max_retries = 0, .retry_time_ms = 1000, .timeout_ms = 5000 };
static int listener;
static char url[64], key_file[64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t answers[1 << 16];
static size_t at, end;

/* The next one; the last stays. */
static void
put_answer(struct buf *out)
{
	static const unsigned statuses[] = { 200, 400, 401, 403, 404, 409, 410, 500 };
	const char *p = (const char *)answers + at, *last = (const char *)answers + end, *cut = memchr(p, 0x1e, end - at);
	size_t len = (size_t)((cut != NULL ? cut : last) - p);
	unsigned status = 200;

	if (cut != NULL)
		at += len + 1;
	buf_clear(out);
	if (len != 0 && *p == 'H') {
		buf_add(out, p, len);
		return;
	}
	if (len == 0)
		status = 500;
	else if (*p != '{' && *p != '[') {
		status = statuses[(uint8_t)*p % 8];
		p++, len--;
	}
	buf_addf(out, "HTTP/1.1 %u X\r\nContent-Type: application/json\r\nMetadata-Flavor: Google\r\nLocation: %s/session\r\n"
	    "Connection: close\r\nContent-Length: %zu\r\n\r\n", status, url, len);
	buf_add(out, p, len);
}

/* Takes one request after the other; each gets an answer, and the end of the connection. */
static void *
serve(void *arg)
{
	struct buf out = { 0 };
	char rq[8192];

	(void)arg;
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd == -1)
			continue;
		(void)recv(fd, rq, sizeof rq, 0);
		pthread_mutex_lock(&lock);
		put_answer(&out);
		pthread_mutex_unlock(&lock);
		(void)send(fd, out.p, out.len, MSG_NOSIGNAL);
		shutdown(fd, SHUT_WR);
		while (recv(fd, rq, sizeof rq, 0) > 0)
			;
		close(fd);
	}
	return NULL;
}

static void
put_text(FILE *f, const char *name, const char *text)
{
	struct buf b = { 0 };

	json_encode(text, strlen(text), &b);
	fprintf(f, "\"%s\":%s,", name, buf_str(&b));
	buf_free(&b);
}

/* The file of a service account, with a key that was made for this run. */
static void
put_service(FILE *f)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	BIO *bio = BIO_new(BIO_s_mem());
	char pem[4096];
	int n;

	if (key == NULL || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1 || (n = BIO_read(bio, pem, sizeof pem - 1)) <= 0)
		abort();
	pem[n] = '\0';
	put_text(f, "private_key", pem);
	EVP_PKEY_free(key);
	BIO_free(bio);
}

/* One file is the credentials of each kind: the type is put in front. */
static void
put_key_file(const char *type)
{
	static char *rest;
	static size_t len;
	FILE *f;

	if (rest == NULL) {
		f = open_memstream(&rest, &len);
		put_service(f);
		put_text(f, "token_uri", url);
		put_text(f, "token_url", url);
		put_text(f, "refresh_token", SECRET);
		put_text(f, "service_account_impersonation_url", url);
		fprintf(f, "\"credential_source\":{\"url\":\"%s\",\"format\":{\"type\":\"json\",\"subject_token_field_name\":\"t\"}}}", url);
		fclose(f);
	}
	if ((f = fopen(key_file, "w")) == NULL || fprintf(f, "{\"type\":\"%s\",%s", type, rest) < 0 || fclose(f) != 0)
		abort();
}

static void
remove_key_file(void)
{
	unlink(key_file);
}

static void
start(void)
{
	pthread_t thread;

	listener = listen_here(url);
	must(pthread_create(&thread, NULL, serve, NULL) == 0);
	snprintf(key_file, sizeof key_file, "/tmp/llmutils-fuzz-answer.%ld", (long)getpid());
	atexit(remove_key_file);
	setenv("FEISHU_ENDPOINT", url, 1);
	setenv("FEISHU_APP_ID", "cli_1", 1);
	setenv("FEISHU_APP_SECRET", SECRET, 1);
	setenv("FEISHU_AS", "app", 1);
	setenv("BIGQUERY_ENDPOINT", url, 1);
	setenv("KMS_ENDPOINT", url, 1);
	setenv("GOOGLE_APPLICATION_CREDENTIALS", key_file, 1);
	msg_level = MSG_QUIET;
	sig_ignore_pipe();
}

static bool
tells(const struct buf *b)
{
	return b->len != 0 && memmem(b->p, b->len, SECRET, strlen(SECRET)) != NULL;
}

/* What is wrong is said in one line. */
static void
check(bool succeeded, const struct buf *error)
{
	must(succeeded || (error->len != 0 && memchr(error->p, '\n', error->len) == NULL && !tells(error)));
}

/* ---- LangSmith ---- */

static void
ask_project(void)
{
	struct http *h = http_new(&once);
	struct http_response r;
	struct buf id = { 0 }, name = { 0 }, why = { 0 };
	const char *error;
	enum http_result result;
	struct ls ls;

	if (ls_open(&ls, h, url, SECRET, NULL, &error) == -1)
		abort();
	result = ls_project(&ls, "11111111-1111-4111-8111-111111111111", &id, &name, &r);
	if (result != HTTP_OK)
		ls_explain(&r, result, NULL, &why);
	check(result == HTTP_OK, &why);
	http_response_free(&r);
	buf_free(&id);
	buf_free(&name);
	buf_free(&why);
	ls_close(&ls);
	http_free(h);
}

static void
ask_apart(void)
{
	struct http *h = http_new(&once);
	struct buf line = { 0 };
	struct scan scan = { 0 };
	const char *error;
	char why[APART_WHY];
	struct ls ls;

	if (ls_open(&ls, h, url, SECRET, NULL, &error) == -1)
		abort();
	buf_adds(&line, "{\"id\":\"a\",\"inputs\":null}");
	if (apart_fill(&ls, "p", 1 << 16, &line, (struct span){ "a", 1 }, "inputs", "inputs_s3_urls", (struct span){ url, strlen(url) }, why) == APART_DONE) {
		buf_pad(&line);
		if (scan_record(&scan, line.p) != line.p + line.len || scan_utf8(line.p, line.len) != NULL)
			abort();
	} else if (why[0] == '\0' || strstr(why, url) != NULL) {
		abort();
	}
	scan_free(&scan);
	buf_free(&line);
	ls_close(&ls);
	http_free(h);
}

/* ---- Feishu ---- */

static bool
see_cell(void *arg, struct span record_id, const struct buf *text)
{
	(void)record_id;
	*(size_t *)arg += text->len;
	return false;
}

/* The last call's outcome stands in the reply. */
static void
read_table(struct bitable *t)
{
	struct pages pages = { .size = 10 };
	struct span items, absent;
	size_t seen = 0;
	char *view = NULL;
	enum feishu_result r = bitable_open(t);

	for (int n = 0; r == FEISHU_OK && n < MOST_PAGES && !pages.done; n++)
		r = bitable_next_page(t, &pages, &items);
	if (r == FEISHU_OK)
		r = bitable_absent(t, (struct span){ "[\"rec1\"]", 8 }, &absent);
	if (r == FEISHU_OK)
		r = bitable_find_view(t, "v", &view);
	if (r == FEISHU_OK)
		r = bitable_read_column(t, "c", see_cell, &seen);
	check(r == FEISHU_OK, &t->reply.error);
	pages_free(&pages);
	free(view);
}

static void
ask_table(const char *app, const char *table)
{
	const struct bitable_opts o = { app, table };
	struct bitable t;

	if (!bitable_init(&t, &o, &once))
		abort();
	read_table(&t);
	bitable_free(&t);
}

static void
ask_wiki(void)
{
	ask_table("https://x.feishu.cn/wiki/abc", "t");
}

static void
ask_base(void)
{
	ask_table("app1", "tbl1");
}

static void
ask_spreadsheet(void)
{
	const struct range range = { 1, 1, 10, 10 };
	struct spreadsheet s;
	struct span rows;
	char *named;
	enum feishu_result r;

	if (!spreadsheet_init(&s, &once))
		abort();
	r = spreadsheet_open(&s, "abc", &named);
	if (r == FEISHU_OK && s.sheets.n > 0)
		r = spreadsheet_read(&s, &s.sheets.v[0], &range, SHEET_DATES_TEXT, &rows);
	check(r == FEISHU_OK, &s.reply.error);
	spreadsheet_free(&s);
	free(named);
}

static void
ask_login(void)
{
	struct feishu_app app;
	struct oauth o;
	struct oauth_error e = { 0 };
	struct oauth_tokens t;
	struct oauth_device d;
	struct buf error = { 0 };
	char *open_id = NULL, *name = NULL;
	enum oauth_result r;

	if (!feishu_app_read(&app, &error))
		abort();
	oauth_init(&o, &app, &once);
	r = oauth_exchange(&o, SECRET, "http://x/", SECRET, &t, &e);
	if (r == OAUTH_OK)
		r = oauth_user_info(&o, t.access, &open_id, &name, &e);
	check(r == OAUTH_OK, &e.text);
	oauth_tokens_free(&t);
	buf_clear(&e.text);
	if ((r = oauth_device_begin(&o, "s", &d, &e)) == OAUTH_OK) {
		r = oauth_device_poll(&o, &d, &t, &e);
		oauth_tokens_free(&t);
		oauth_device_free(&d);
	}
	check(r == OAUTH_OK, &e.text);
	free(open_id);
	free(name);
	buf_free(&e.text);
	oauth_free(&o);
	feishu_app_free(&app);
}

/* ---- Google ---- */

static void
ask_token(const char *type)
{
	struct buf error = { 0 };
	struct google_auth *a;
	const char *header = NULL;
	enum google_result r;

	put_key_file(type);
	if ((a = google_auth_new(&once, GOOGLE_SCOPE_ALL, &error)) == NULL)
		abort();
	r = google_auth_header(a, &header, &error);
	check(r == GOOGLE_OK, &error);
	if (r == GOOGLE_OK && (strncmp(header, "Authorization: Bearer ", 22) != 0 || strpbrk(header, "\r\n") != NULL))
		abort();
	google_auth_free(a);
	buf_free(&error);
}

static void
ask_service(void)
{
	ask_token("service_account");
}

static void
ask_workload(void)
{
	ask_token("external_account");
}

static void
ask_bigquery(void)
{
	static const struct table_layout layout = { .schema = { "{\"fields\":[]}", 13 } };
	struct bigquery_reply r = { 0 };
	struct table_info info = { 0 };
	struct table_name name = { (char[]){ "p" }, (char[]){ "d" }, (char[]){ "t$1" } };
	struct buf error = { 0 };
	struct bigquery *b;
	enum google_result st;

	put_key_file("authorized_user");
	if ((b = bigquery_new(&once, "p", &error)) == NULL)
		abort();
	st = table_get(b, &name, &info, &r);
	if (st == GOOGLE_OK && !info.exists)
		st = table_create(b, &name, &layout, &r);
	check(st == GOOGLE_OK, &r.error);
	table_info_free(&info);
	bigquery_reply_free(&r);
	bigquery_free(b);
	buf_free(&error);
}

static void
ask_kms(void)
{
	static const char name[] = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
	struct buf error = { 0 }, out = { 0 };
	const struct span plain = { "data", 4 }, data = { "aad", 3 };
	struct kms *k;

	setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "ready", 1);
	if ((k = kms_new(&once, &error)) == NULL)
		abort();
	unsetenv("GOOGLE_OAUTH_ACCESS_TOKEN");
	check(kms_encrypt(k, name, plain, data, &out, &error), &error);
	buf_clear(&error);
	check(kms_decrypt(k, name, plain, data, &out, &error), &error);
	kms_free(k);
	buf_free(&error);
	buf_free(&out);
}

/* ---- an OpenAI-compatible API ---- */

static void
ask_chat(void)
{
	static const char request[128] = "{\"model\":\"m\",\"messages\":[],\"stream\":true}";
	struct provider p = { .key = (char[]){ "p" }, .name = (char[]){ "p" }, .base_url = url, .secret = (char[]){ SECRET } };
	struct http *h = http_new(&once);
	struct chat_result r;

	chat_send(h, &p, (struct span){ request, strlen(request) }, 5000, &r);
	must(r.outcome == CHAT_OK || r.error.len != 0);	/* these are the service's words, on as many lines as it likes */
	must(!tells(&r.error) && !tells(&r.response));
	chat_result_free(&r);
	http_free(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ask[])(void) = {
		ask_project, ask_apart, ask_wiki, ask_base, ask_spreadsheet, ask_login, ask_service, ask_workload, ask_bigquery, ask_kms, ask_chat,
	};

	if (url[0] == '\0')
		start();
	if (size == 0 || size > sizeof answers || memmem(data, size, SECRET, strlen(SECRET)) != NULL)	/* who says it knows it */
		return 0;
	pthread_mutex_lock(&lock);
	memcpy(answers, data + 1, size - 1);
	at = 0;
	end = size - 1;
	pthread_mutex_unlock(&lock);
	ask[data[0] % (sizeof ask / sizeof *ask)]();
	return 0;
}
