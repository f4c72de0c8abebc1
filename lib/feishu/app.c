#include "feishu/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/mem.h"
#include "crypt/key.h"
#include "net/http.h"

#define DEFAULT_ENDPOINT "https://open.feishu.cn"

bool
feishu_secret(const char *const names[], char **value, struct buf *error)
{
	char *path = NULL;

	if (env_secret(names, value, &path) == 0)
		return true;
	buf_addf(error, "%s_FILE: %s: %s", names[0], path, strerror(errno));
	free(path);
	return false;
}

/* The address without its last slashes; new. */
static char *
address(const char *name, const char *otherwise)
{
	const char *const names[] = { name, NULL };
	char *s = env_get(names);
	size_t len;

	if (s == NULL)
		s = mem_dup(otherwise, strlen(otherwise));
	for (len = strlen(s); len > 0 && s[len - 1] == '/'; len--)
		s[len - 1] = '\0';
	return s;
}

/* Where open.feishu.cn has accounts.feishu.cn; a host that is named otherwise does both. */
static char *
accounts_of(const char *endpoint)
{
	static const char open[] = "://open.";
	const char *at = strstr(endpoint, open);
	struct buf b = { 0 };
	char *accounts;

	if (at == NULL) {
		buf_adds(&b, endpoint);
	} else {
		buf_add(&b, endpoint, (size_t)(at - endpoint));
		buf_addf(&b, "://accounts.%s", at + sizeof open - 1);
	}
	accounts = address("FEISHU_ACCOUNTS_ENDPOINT", buf_str(&b));
	buf_free(&b);
	return accounts;
}

bool
feishu_app_read(struct feishu_app *a, struct buf *error)
{
	static const char *const id[] = { "FEISHU_APP_ID", "APP_ID", NULL };
	static const char *const app_secret[] = { "FEISHU_APP_SECRET", "APP_SECRET", NULL };
	static const char *const token_url[] = { "FEISHU_TOKEN_URL", NULL };

	*a = (struct feishu_app){ 0 };
	a->endpoint = address("FEISHU_ENDPOINT", DEFAULT_ENDPOINT);
	a->accounts = accounts_of(a->endpoint);
	a->token_url = env_get(token_url);
	return feishu_secret(id, &a->id, error) && feishu_secret(app_secret, &a->secret, error);
}

void
feishu_app_free(struct feishu_app *a)
{
	free(a->endpoint);
	free(a->accounts);
	free(a->token_url);
	free(a->id);
	wipe_text(a->secret);
	*a = (struct feishu_app){ 0 };
}

void
feishu_app_scopes_page(const char *endpoint, const char *id, struct buf *out)
{
	buf_addf(out, "%s/app/", endpoint);
	http_escape(out, id == NULL ? "" : id);
	buf_adds(out, "/auth");
}
