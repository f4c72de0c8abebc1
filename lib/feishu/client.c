#include "feishu/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/mem.h"
#include "base/when.h"
#include "crypt/key.h"
#include "feishu/app.h"
#include "feishu/user.h"
#include "json/str.h"

#define RENEW_EARLY_MS	180000	/* the official SDK renews three minutes before the end */
#define MOST_LIFE_S	86400	/* of the app's token, which lives two hours */
#define CONFLICT_MS	500	/* least pause after a write conflict */
#define MOST_RESET_MS	60000	/* the rate header has no documented bound */
#define TOO_LARGE	413	/* HTTP, from a gateway: taken for a code */
#define HEAVY_TRIES	3	/* then the batch should be smaller */

int feishu_as = FEISHU_AS_AUTO;

enum identity { APP, USER, GIVEN };	/* GIVEN: a user's token that we cannot renew */

struct feishu {
	struct http *http;
	struct feishu_app app;
	struct user user;		/* of USER */
	enum identity as;
	char	*token;			/* as in the header: "Authorization: Bearer ..." */
	int64_t	 renew_at;		/* of APP; when_mono() */
	uint64_t requests;
};

/* ---- codes ---- */

enum retry { NEVER, LATER, UNSURE, CONFLICT, HEAVY, TOKEN, USER_TOKEN };

#define NO_APP_SCOPE	99991672
#define NO_TOKEN_SCOPE	99991676
#define NO_USER_SCOPE	99991679
#define USER_TOKEN_INVALID 99991668
#define NO_RIGHT	91403
#define NO_SHEET_RIGHT	1310213
#define NO_NODE_RIGHT	131006
#define LOG_IN_AGAIN "log in again: fs-auth login"

static const struct code {
	long first, last;
	enum feishu_kind kind;
	enum retry retry;
	const char *hint;	/* what to do; NULL: the service's words are enough */
} codes[] = {
	{ 10003, 10015, FEISHU_OTHER, NEVER, "check FEISHU_APP_ID and FEISHU_APP_SECRET" },
	{ 99991543, 99991543, FEISHU_OTHER, NEVER, "check FEISHU_APP_ID and FEISHU_APP_SECRET" },
	{ 1254002, 1254002, FEISHU_BUSY, HEAVY, NULL },
	{ 1254607, 1254607, FEISHU_BUSY, HEAVY, NULL },
	{ TOO_LARGE, TOO_LARGE, FEISHU_LESS, NEVER, NULL },
	{ 1254030, 1254030, FEISHU_LESS, NEVER, NULL },
	{ 1254104, 1254104, FEISHU_LESS, NEVER, NULL },
	{ 1254036, 1254036, FEISHU_OTHER, LATER, "the base is being copied; run again later" },
	{ 1254003, 1254003, FEISHU_NO_BASE, NEVER, "no such document: check its address or token (FEISHU_BASE_ID)" },
	{ 1254040, 1254040, FEISHU_NO_BASE, NEVER, "no such document: check its address or token (FEISHU_BASE_ID)" },
	{ 91402, 91402, FEISHU_NO_BASE, NEVER, "no such document: check its address or token (FEISHU_BASE_ID)" },
	{ 1254004, 1254004, FEISHU_OTHER, NEVER, "check FEISHU_TABLE_ID (--table)" },
	{ 1254041, 1254041, FEISHU_OTHER, NEVER, "check FEISHU_TABLE_ID (--table)" },
	{ NO_RIGHT, NO_RIGHT, FEISHU_OTHER, NEVER, "add the app to the document: its menu, \"add document app\", with edit rights" },
	{ 1254303, 1254303, FEISHU_ROW, NEVER, "an attachment has to be uploaded to this base first" },
	{ 1254301, 1254306, FEISHU_OTHER, NEVER, "the base has advanced permissions: give the app a role that may edit" },
	{ 1254045, 1254045, FEISHU_FIELD, NEVER, NULL },
	{ 1254006, 1254006, FEISHU_GONE, NEVER, NULL },
	{ 1254043, 1254043, FEISHU_GONE, NEVER, NULL },
	{ 1254015, 1254015, FEISHU_ROW, NEVER, NULL },
	{ 1254060, 1254069, FEISHU_ROW, NEVER, NULL },
	{ 1254072, 1254074, FEISHU_ROW, NEVER, NULL },
	{ 1254130, 1254130, FEISHU_ROW, NEVER, "--truncate 100000 (SYNC_TRUNCATE for sync.sh) cuts long texts" },
	{ 1254105, 1254106, FEISHU_ROW, NEVER, NULL },
	{ 1254027, 1254027, FEISHU_ROW, NEVER, NULL },
	{ 1254100, 1254103, FEISHU_OTHER, NEVER, "the table is full; prune it or take another" },
	{ 1254290, 1254290, FEISHU_OTHER, LATER, NULL },
	{ 1254291, 1254291, FEISHU_OTHER, CONFLICT, "something else writes to this base" },
	{ 1254608, 1254608, FEISHU_VERIFY, NEVER, NULL },
	{ 1255006, 1255006, FEISHU_VERIFY, NEVER, NULL },
	{ 1255001, 1255005, FEISHU_OTHER, UNSURE, NULL },
	{ 1255040, 1255040, FEISHU_OTHER, UNSURE, NULL },
	{ 1500, 1500, FEISHU_OTHER, UNSURE, NULL },
	{ 2200, 2200, FEISHU_OTHER, UNSURE, NULL },
	{ 5000, 5000, FEISHU_OTHER, UNSURE, NULL },
	{ 10101, 10101, FEISHU_OTHER, UNSURE, NULL },
	{ 90213, 90215, FEISHU_OTHER, NEVER, "no such spreadsheet or sheet: copy the address from the browser again" },
	{ 90217, 90217, FEISHU_OTHER, LATER, NULL },
	{ 90221, 90221, FEISHU_LESS, NEVER, NULL },
	{ 90235, 90235, FEISHU_OTHER, LATER, NULL },
	{ NO_SHEET_RIGHT, NO_SHEET_RIGHT, FEISHU_OTHER, NEVER, "add the app to the document: its menu, \"add document app\"" },
	{ 1310214, 1310214, FEISHU_OTHER, NEVER, "no such spreadsheet: copy the address from the browser again" },
	{ 99991400, 99991400, FEISHU_OTHER, LATER, NULL },
	{ 99991403, 99991403, FEISHU_OTHER, NEVER, "the tenant's calls of this month are used up; run again next month, or upgrade" },
	{ 99991401, 99991401, FEISHU_OTHER, NEVER, "this machine's address is not on the app's allow list" },
	{ 99991663, 99991665, FEISHU_OTHER, TOKEN, "the app's token is not accepted" },
	{ USER_TOKEN_INVALID, USER_TOKEN_INVALID, FEISHU_OTHER, USER_TOKEN, NULL },
	{ 99991677, 99991677, FEISHU_OTHER, USER_TOKEN, NULL },
	{ 99991641, 99991645, FEISHU_OTHER, NEVER, LOG_IN_AGAIN },
	{ 99991669, 99991669, FEISHU_OTHER, NEVER, LOG_IN_AGAIN },
	{ NO_APP_SCOPE, NO_APP_SCOPE, FEISHU_OTHER, NEVER, "give the app these scopes in the developer console and publish a version" },
	{ NO_TOKEN_SCOPE, NO_TOKEN_SCOPE, FEISHU_OTHER, NEVER, "the user's token lacks these scopes" },
	{ NO_USER_SCOPE, NO_USER_SCOPE, FEISHU_OTHER, NEVER, "the user has not granted these scopes" },
	{ 99991662, 99991662, FEISHU_OTHER, NEVER, "the app is disabled" },
	{ 99991673, 99991673, FEISHU_OTHER, NEVER, "the app is not installed in this tenant" },
	{ 131005, 131005, FEISHU_OTHER, NEVER, "no such wiki page; copy the address from the browser again" },
	{ NO_NODE_RIGHT, NO_NODE_RIGHT, FEISHU_OTHER, NEVER, "give the app access to the wiki page" },
	{ 131009, 131009, FEISHU_OTHER, LATER, NULL },
};

static const struct code *
look_up(long code)
{
	static const struct code unknown = { 0, 0, FEISHU_OTHER, NEVER, NULL };

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (code >= codes[i].first && code <= codes[i].last)
			return &codes[i];
	return &unknown;
}

enum feishu_kind
feishu_kind(long code)
{
	return look_up(code)->kind;
}

/* ---- the envelope ---- */

/* Scan a reply's body; false when it is not the service's JSON. */
static bool
open_envelope(struct scan *s, struct buf *body, long *code)
{
	const struct member *m;

	if (!json_scan_answer(body, s) || (m = scan_find(s, "code", 4)) == NULL)
		return false;
	*code = strtol(m->val.p, NULL, 10);
	return true;
}

static int64_t
rate_reset_ms(const struct http_response *r)
{
	const char *reset = http_header(r, "x-ogw-ratelimit-reset");
	double s = reset == NULL ? 0 : strtod(reset, NULL);

	if (!(s > 0))
		return 0;
	return s * 1000 < MOST_RESET_MS ? (int64_t)(s * 1000) : MOST_RESET_MS;
}

static enum http_verdict
judge(const struct http_request *rq, const struct http_response *r, int64_t *wait_ms)
{
	struct feishu_reply *reply = rq->arg;
	struct buf copy = { 0 };
	enum http_verdict v = HTTP_FINAL;
	long code = 0;

	buf_add(&copy, r->body.p, r->body.len);
	if (!open_envelope(&reply->scan, &copy, &code)) {
		/* A proxy's page, or a gateway's text: by the status; a 200 that is no JSON tells nothing. */
		v = r->status == 200 ? HTTP_UNSURE : http_judge(rq, r, wait_ms);
	} else if (code == 0) {
		v = HTTP_DONE;
	} else {
		switch (look_up(code)->retry) {
		case LATER:
			if (rate_reset_ms(r) > *wait_ms)
				*wait_ms = rate_reset_ms(r);
			v = HTTP_LATER;
			break;
		case CONFLICT:
			if (*wait_ms < CONFLICT_MS)
				*wait_ms = CONFLICT_MS;
			v = HTTP_LATER;
			break;
		case HEAVY:
			v = r->tries + 1 < HEAVY_TRIES ? HTTP_LATER : HTTP_FINAL;
			break;
		case UNSURE:
			v = HTTP_UNSURE;
			break;
		case NEVER:
		case TOKEN:
		case USER_TOKEN:
			/* A code that nobody has seen yet, with a status that speaks for itself. */
			if (look_up(code)->first == 0)
				v = r->status < 500 ? HTTP_FINAL : HTTP_UNSURE;
			break;
		}
	}
	buf_free(&copy);
	return v;
}

/* ---- errors in words ---- */

static void
put_text(struct span string, struct buf *out)
{
	if (json_is_string(string))
		json_decode(json_inside(string), out);
}

/* Lists such as permission_violations: their subjects, or fields with what is wrong with them. */
static void
put_violations(struct span error, const char *list, const char *what, const char *detail, struct buf *out)
{
	struct span v, e, text;
	struct json_iter it;
	bool first = true;

	if (!json_member(error, list, strlen(list), &v) || v.p[0] != '[')
		return;
	for (it = json_open(v); json_next_element(&it, &e); first = false) {
		if (!json_member(e, what, strlen(what), &text))
			continue;
		buf_adds(out, first ? ": " : ", ");
		put_text(text, out);
		if (detail != NULL && json_member(e, detail, strlen(detail), &text) && text.len > 2) {
			buf_adds(out, " (");
			put_text(text, out);
			buf_addc(out, ')');
		}
	}
}

static void
put_log_id(const struct http_response *r, struct span error, struct buf *out)
{
	const char *header = http_header(r, "x-tt-logid");
	struct span id;

	if (header != NULL) {
		buf_addf(out, ", log id %s", header);
	} else if (JSON_MEMBER(error, "log_id", &id)) {
		buf_adds(out, ", log id ");
		put_text(id, out);
	}
}

/* The service's word for a call that takes no user's token at all; the code is that of an invalid one. */
static bool
not_for_users(const struct feishu_reply *r)
{
	const struct member *msg = scan_find(&r->scan, "msg", 3);

	return r->code == USER_TOKEN_INVALID && msg != NULL && memmem(msg->val.p, msg->val.len, "not support", 11) != NULL;
}

/* What to do about a token or a scope depends on where the token comes from. */
static void
put_remedy(const struct feishu *f, struct feishu_reply *r)
{
	if (r->code == NO_APP_SCOPE || r->code == NO_TOKEN_SCOPE || r->code == NO_USER_SCOPE) {
		buf_adds(&r->error, "; they are granted at ");
		feishu_app_scopes_page(f->app.endpoint, f->as == USER ? f->user.login.app_id : f->app.id, &r->error);
		if (f->as == USER && r->code != NO_APP_SCOPE)
			buf_adds(&r->error, ", then by the user: fs-auth login --scope 'SCOPE ...'");
	} else if (look_up(r->code)->retry == USER_TOKEN && not_for_users(r)) {
		buf_adds(&r->error, ": this call is for apps only: --as app");
	} else if (look_up(r->code)->retry == USER_TOKEN) {
		buf_adds(&r->error, f->as == USER ? ": " LOG_IN_AGAIN : ": FEISHU_USER_ACCESS_TOKEN is invalid or has expired; get a new one");
	}
}

/* An app is added to a document; with a user it is shared. */
static const char *
hint_for(const struct feishu *f, long code)
{
	if (f->as != APP && (code == NO_RIGHT || code == NO_SHEET_RIGHT || code == NO_NODE_RIGHT))
		return "the user has no right to it: whoever owns it must share it";
	return look_up(code)->hint;
}

static void
explain_code(const struct feishu *f, struct feishu_reply *r, const struct http_response *http)
{
	const struct member *msg = scan_find(&r->scan, "msg", 3), *e = scan_find(&r->scan, "error", 5);
	struct span error = e != NULL ? e->val : (struct span){ "{}", 2 }, inner;
	const char *hint = hint_for(f, r->code);

	if (e == NULL && JSON_MEMBER(r->data, "error", &inner))
		error = inner;
	buf_addf(&r->error, "Feishu code %ld", r->code);
	if (msg != NULL) {
		buf_adds(&r->error, " ");
		put_text(msg->val, &r->error);
	}
	put_violations(error, "field_violations", "field", "description", &r->error);
	put_log_id(http, error, &r->error);
	if (hint != NULL)
		buf_addf(&r->error, ": %s", hint);
	put_violations(error, "permission_violations", "subject", NULL, &r->error);
	put_remedy(f, r);
	buf_one_line(&r->error, 0);
}

static void
explain_http(struct feishu_reply *r, const struct http_response *http)
{
	const char *log_id = http_header(http, "x-tt-logid");

	if (http->status == 0) {
		buf_addf(&r->error, "no answer from Feishu: %s", http->error);
		return;
	}
	buf_addf(&r->error, "HTTP %ld from Feishu, and not in its form", http->status);
	if (http->error[0] != '\0')
		buf_addf(&r->error, " (%s)", http->error);
	if (log_id != NULL)
		buf_addf(&r->error, ", log id %s", log_id);
	http_put_beginning(http, &r->error);
}

/* ---- calls ---- */

static enum feishu_result
perform(struct feishu *f, struct http_request *rq, struct feishu_reply *r)
{
	struct http_response http;
	enum feishu_result result = FEISHU_GAVE_UP;
	enum http_result hr;
	const struct member *data;
	bool ours;

	rq->judge = judge;
	rq->arg = r;
	f->requests++;
	hr = http_perform(f->http, rq, &http);
	buf_clear(&r->body);
	buf_clear(&r->error);
	r->code = 0;
	r->data = (struct span){ "{}", 2 };
	r->unknown = http.unknown;
	buf_add(&r->body, http.body.p, http.body.len);
	ours = hr != HTTP_INTERRUPTED && http.status != 0 && open_envelope(&r->scan, &r->body, &r->code);
	if (ours && (data = scan_find(&r->scan, "data", 4)) != NULL && data->val.p[0] == '{')
		r->data = data->val;
	if (hr == HTTP_INTERRUPTED)
		result = FEISHU_INTERRUPTED;
	else if (hr == HTTP_OK)
		result = FEISHU_OK;
	else if (ours && r->code != 0)
		explain_code(f, r, &http);
	else
		explain_http(r, &http);
	if (hr == HTTP_REFUSED)
		result = FEISHU_REFUSED;
	if (!ours && http.status == TOO_LARGE)
		r->code = TOO_LARGE;
	http_response_free(&http);
	return result;
}

/* Take this token from now on. */
static void
set_token(struct feishu *f, const char *token)
{
	struct buf header = { 0 };

	buf_addf(&header, "Authorization: Bearer %s", token);
	wipe_text(f->token);
	f->token = mem_dup(header.p, header.len);
	wipe_buf(&header);
}

static enum feishu_result
get_app_token(struct feishu *f, struct feishu_reply *r)
{
	static const char *const headers[] = { "Content-Type: application/json; charset=utf-8", NULL };
	char *url = http_url(f->app.endpoint, "/open-apis/auth/v3/tenant_access_token/internal");
	struct buf body = { 0 };
	struct http_request rq = { .what = "tenant_access_token", .url = url, .headers = headers, .repeatable = true };
	const struct member *token, *expire;
	enum feishu_result result;
	int64_t life;
	bool ok;

	buf_adds(&body, "{\"app_id\":");
	json_encode(f->app.id, strlen(f->app.id), &body);
	buf_adds(&body, ",\"app_secret\":");
	json_encode(f->app.secret, strlen(f->app.secret), &body);
	buf_addc(&body, '}');
	rq.body = body.p;
	rq.body_len = body.len;
	result = perform(f, &rq, r);
	free(url);
	wipe_buf(&body);
	if (result != FEISHU_OK)
		return result;
	token = scan_find(&r->scan, "tenant_access_token", 19);
	expire = scan_find(&r->scan, "expire", 6);
	if (token != NULL && token->val.len <= 8192)
		put_text(token->val, &body);
	if ((ok = login_is_token(buf_str(&body))))
		set_token(f, buf_str(&body));
	wipe_buf(&body);
	if (!ok) {
		buf_adds(&r->error, "Feishu's answer holds no tenant_access_token");
		return FEISHU_GAVE_UP;
	}
	life = expire == NULL ? 0 : strtol(expire->val.p, NULL, 10);
	life = (life < 0 ? 0 : life < MOST_LIFE_S ? life : MOST_LIFE_S) * 1000;
	f->renew_at = when_mono() + life - (life / 2 < RENEW_EARLY_MS ? life / 2 : RENEW_EARLY_MS);
	return FEISHU_OK;
}

/* refused: the service did not take the token that we had. */
static enum feishu_result
get_user_token(struct feishu *f, bool refused, struct feishu_reply *r)
{
	static const char header[] = "Authorization: Bearer ";
	struct oauth_error e = { 0 };
	const char *token;
	enum oauth_result result;

	result = user_token(&f->user, refused ? f->token + sizeof header - 1 : NULL, &token, &e);
	if (result == OAUTH_OK) {
		set_token(f, token);
	} else {
		buf_clear(&r->error);
		buf_add(&r->error, e.text.p, e.text.len);
		r->code = e.code;
		r->data = (struct span){ "{}", 2 };
		r->unknown = false;
	}
	buf_free(&e.text);
	return result == OAUTH_OK ? FEISHU_OK : result == OAUTH_INTERRUPTED ? FEISHU_INTERRUPTED :
	    result == OAUTH_GAVE_UP ? FEISHU_GAVE_UP : FEISHU_REFUSED;
}

static enum feishu_result
get_token(struct feishu *f, bool refused, struct feishu_reply *r)
{
	switch (f->as) {
	case GIVEN:
		break;
	case USER:
		return get_user_token(f, refused, r);
	case APP:
		if (refused || f->token == NULL || when_mono() >= f->renew_at)
			return get_app_token(f, r);
		break;
	}
	return FEISHU_OK;
}

/* Is the call to be sent again with another token? */
static bool
token_is_refused(const struct feishu *f, enum feishu_result result, const struct feishu_reply *r)
{
	enum retry retry = look_up(r->code)->retry;

	if (result != FEISHU_REFUSED)
		return false;
	return f->as == APP ? retry == TOKEN : f->as == USER && retry == USER_TOKEN && !not_for_users(r);
}

enum feishu_result
feishu_call(struct feishu *f, const char *method, const char *path, const struct buf *body,
    enum feishu_effect effect, struct feishu_reply *r)
{
	char *url = http_url(f->app.endpoint, path), *what = mem_dup(path, strcspn(path, "?"));
	enum feishu_result result = FEISHU_OK;
	bool unknown = false;

	/* A token may die before its time: then with another one, once. */
	for (bool again = false; ; again = true) {
		const char *headers[] = { "Content-Type: application/json; charset=utf-8", NULL, NULL };
		struct http_request rq = {
			.what = strrchr(what, '/') + 1, .method = method, .url = url, .headers = headers,
			.body = body == NULL ? NULL : body->p, .body_len = body == NULL ? 0 : body->len,
			.repeatable = effect != FEISHU_CHANGES, .count_tries = effect == FEISHU_KEYED,
		};

		if ((result = get_token(f, again, r)) != FEISHU_OK)
			break;
		headers[1] = f->token;
		result = perform(f, &rq, r);
		unknown = unknown || r->unknown;
		if (again || !token_is_refused(f, result, r))
			break;
	}
	r->unknown = result != FEISHU_OK && effect != FEISHU_READS && unknown;	/* not what the call for a token says */
	free(url);
	free(what);
	return result;
}

void
feishu_reply_free(struct feishu_reply *r)
{
	buf_free(&r->body);
	buf_free(&r->error);
	scan_free(&r->scan);
}

/* ---- configuration ---- */

/* --as, or FEISHU_AS.  False: that says something else. */
static bool
wanted(int *as, struct buf *error)
{
	static const char *const names[] = { "FEISHU_AS", NULL };
	static const char *const words[] = { "auto", "user", "app" };
	char *word = feishu_as != FEISHU_AS_AUTO ? NULL : env_get(names);
	bool ok = word == NULL;

	*as = feishu_as;
	for (int i = 0; word != NULL && i < 3; i++)
		if (strcmp(word, words[i]) == 0) {
			*as = i;
			ok = true;
		}
	if (!ok)
		buf_addf(error, "FEISHU_AS: '%s' is not one of auto|user|app", word);
	free(word);
	return ok;
}

/* The user who has logged in, if there is one; false: there should be one, or the store is not usable. */
static bool
take_user(struct feishu *f, int as, const struct http_policy *policy, struct buf *error)
{
	char *path = store_path(NULL);
	const char *other;

	if (path == NULL && as == FEISHU_AS_USER)
		buf_adds(error, "neither FEISHU_TOKEN_STORE nor HOME is set: where is the login?");
	if (path == NULL)
		return as != FEISHU_AS_USER;
	switch (user_open(&f->user, path, &f->app, policy, error)) {
	case STORE_BAD:
		return false;
	case STORE_NONE:
		if (as == FEISHU_AS_USER)
			buf_addf(error, "%s: nobody has logged in: fs-auth login", path);
		return as != FEISHU_AS_USER;
	case STORE_OK:
		break;
	}
	other = user_is_other(&f->user);
	if (other == NULL)
		f->as = USER;
	else if (as == FEISHU_AS_USER)
		buf_addf(error, "%s: %s: fs-auth login", path, other);
	return other == NULL || as != FEISHU_AS_USER;
}

static bool
choose_identity(struct feishu *f, const struct http_policy *policy, struct buf *error)
{
	static const char *const given[] = { "FEISHU_USER_ACCESS_TOKEN", NULL };
	char *token = NULL;
	int as;

	f->as = APP;
	if (!wanted(&as, error) || !feishu_app_read(&f->app, error))
		return false;
	if (as != FEISHU_AS_APP) {
		if (!feishu_secret(given, &token, error))
			return false;
		if (token != NULL) {
			f->as = GIVEN;
			set_token(f, token);
			wipe_text(token);
			return true;
		}
		if (!take_user(f, as, policy, error))
			return false;
	}
	if (f->as == APP && (f->app.id == NULL || f->app.secret == NULL)) {
		buf_addf(error, "%s is not set; it stands in the developer console under the app's credentials",
		    f->app.id == NULL ? "FEISHU_APP_ID" : "FEISHU_APP_SECRET");
		return false;
	}
	return true;
}

struct feishu *
feishu_new(const struct http_policy *policy, struct buf *error)
{
	struct feishu *f = mem_zero(1, sizeof *f);

	f->http = http_new(policy);
	if (choose_identity(f, policy, error))
		return f;
	feishu_free(f);
	return NULL;
}

void
feishu_free(struct feishu *f)
{
	if (f == NULL)
		return;
	http_free(f->http);
	user_free(&f->user);
	feishu_app_free(&f->app);
	wipe_text(f->token);
	free(f);
}

void
feishu_on_idle(struct feishu *f, void (*idle)(void *arg), void *arg)
{
	http_on_idle(f->http, idle, arg);
}

uint64_t
feishu_requests(const struct feishu *f)
{
	return f->requests;
}
