#include "openai/providers.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/env.h"
#include "base/file.h"
#include "base/mem.h"
#include "crypt/key.h"
#include "json/str.h"

#define OPENAI_URL	"https://api.openai.com/v1"
#define MOST_FILE	((size_t)1 << 20)

static void
provider_free(struct provider *v)
{
	free(v->key);
	free(v->name);
	free(v->base_url);
	wipe_text(v->secret);
	for (size_t i = 0; i < v->n_models; i++)
		free(v->model[i]);
	free(v->model);
}

void
providers_free(struct providers *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++)
		provider_free(&p->v[i]);
	free(p->v);
	free(p);
}

static struct provider *
add(struct providers *p)
{
	p->v = mem_resize(p->v, p->n + 1, sizeof *p->v);
	p->v[p->n] = (struct provider){ 0 };
	return &p->v[p->n++];
}

static bool
is_url(const char *url)
{
	return (strncmp(url, "http://", 7) == 0 && url[7] > '/') || (strncmp(url, "https://", 8) == 0 && url[8] > '/');
}

static void
trim_slashes(char *url)
{
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		url[--n] = '\0';
}

/* ---- from the environment ---- */

bool
provider_from_environment(struct providers *p, const char *base_url, struct buf *error)
{
	static const char *const urls[] = { "OPENAI_BASE_URL", NULL }, *const keys[] = { "OPENAI_API_KEY", NULL };
	char *url = base_url != NULL ? mem_dup(base_url, strlen(base_url)) : env_get(urls), *secret, *path;
	struct provider *v;

	if (env_secret(keys, &secret, &path) == -1) {
		buf_addf(error, "OPENAI_API_KEY_FILE: %s: %s", path, strerror(errno));
		free(path);
		free(url);
		return false;
	}
	free(path);
	if (url != NULL && !is_url(url)) {
		buf_addf(error, "%s: %s: no http or https address", base_url != NULL ? "--base-url" : "OPENAI_BASE_URL", url);
		free(url);
		wipe_text(secret);
		return false;
	}
	if (url == NULL && secret == NULL)
		return true;
	v = add(p);
	v->key = mem_dup("openai", 6);
	v->name = mem_dup("OpenAI", 6);
	v->base_url = url != NULL ? url : mem_dup(OPENAI_URL, strlen(OPENAI_URL));
	v->secret = secret;
	trim_slashes(v->base_url);
	return true;
}

/* ---- from a file ---- */

static const char *
read_models(struct provider *v, struct span list)
{
	struct json_iter it;
	struct span model;

	if (list.p[0] != '[')
		return "models is no list";
	for (it = json_open(list); json_next_element(&it, &model);) {
		if (!json_is_string(model))
			return "models has something that is no string";
		v->model = mem_resize(v->model, v->n_models + 1, sizeof *v->model);
		v->model[v->n_models++] = json_text(model);
	}
	return NULL;
}

/* The key itself, or where it is. */
static const char *
read_key(struct provider *v, struct span how, struct span val, bool *here)
{
	char *text, *name[2] = { NULL, NULL };
	struct buf b = { .max = 64 << 10 };
	const char *wrong = NULL;

	if (!json_is_string(val))
		return "the key is no string";
	if (v->secret != NULL)
		return "the key is given twice";
	text = json_text(val);
	if (JSON_SPELLS(how, "api_key")) {
		*here = true;
		v->secret = text;
		return NULL;
	}
	if (JSON_SPELLS(how, "api_key_env")) {
		name[0] = text;
		v->secret = env_get((const char *const *)name);
		wrong = v->secret == NULL ? "the variable that api_key_env names is not set" : NULL;
	} else if (file_read(text, &b) == -1) {
		wrong = "the file that api_key_file names cannot be read";
	} else {
		while (b.len > 0 && isspace((unsigned char)b.p[b.len - 1]))
			b.len--;
		buf_addc(&b, '\0');
		v->secret = mem_dup(b.p, b.len - 1);
	}
	wipe_buf(&b);
	free(text);
	return wrong;
}

static const char *
read_provider(struct provider *v, struct span key, struct span object, bool *key_here)
{
	struct json_iter it;
	struct member m;
	const char *wrong = NULL;

	v->key = json_text((struct span){ key.p - 1, key.len + 2 });
	for (char *p = v->key; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if (object.p[0] != '{')
		return "it is no object";
	for (it = json_open(object); wrong == NULL && json_next_member(&it, &m);) {
		bool string = json_is_string(m.val);

		if (JSON_SPELLS(m.key, "name") && string && v->name == NULL)
			v->name = json_text(m.val);
		else if (JSON_SPELLS(m.key, "base_url") && string && v->base_url == NULL)
			v->base_url = json_text(m.val);
		else if (JSON_SPELLS(m.key, "models"))
			wrong = read_models(v, m.val);
		else if (JSON_SPELLS(m.key, "api_key") || JSON_SPELLS(m.key, "api_key_env") || JSON_SPELLS(m.key, "api_key_file"))
			wrong = read_key(v, m.key, m.val, key_here);
		else
			wrong = "it has a member that is none of name, base_url, api_key, api_key_env, api_key_file, models, or no string";
	}
	if (v->name == NULL)
		v->name = mem_dup(v->key, strlen(v->key));
	if (v->base_url == NULL && strcmp(v->key, "openai") == 0)
		v->base_url = mem_dup(OPENAI_URL, strlen(OPENAI_URL));
	if (wrong == NULL && (v->base_url == NULL || !is_url(v->base_url)))
		return "base_url is no http or https address";
	if (v->base_url != NULL)
		trim_slashes(v->base_url);
	if (wrong == NULL && v->secret != NULL && (*v->secret == '\0' || strpbrk(v->secret, "\r\n") != NULL))
		return "the key is empty, or has more than one line";
	return wrong;
}

static bool
read_file(struct providers *p, const char *path, struct buf *error)
{
	struct buf b = { .max = MOST_FILE };
	struct scan s = { 0 };
	struct stat st;
	const char *wrong = NULL;
	bool key_here = false;

	if (file_read(path, &b) == -1 || stat(path, &st) == -1) {
		buf_addf(error, "%s: %s", path, strerror(errno));
		wipe_buf(&b);
		return false;
	}
	if (!json_scan_answer(&b, &s))
		buf_addf(error, "%s: no JSON object: %s", path, wrong = s.error != NULL ? s.error : "not UTF-8");
	for (size_t i = 0; wrong == NULL && i < s.n; i++) {
		struct provider *v = add(p);

		if ((wrong = read_provider(v, s.m[i].key, s.m[i].val, &key_here)) == NULL)
			for (size_t k = 0; k + 1 < p->n; k++)
				if (strcmp(p->v[k].key, v->key) == 0)
					wrong = "it stands there twice";
		if (wrong != NULL)
			buf_addf(error, "%s: %s: %s", path, v->key, wrong);
	}
	if (wrong == NULL && key_here && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		buf_addf(error, "%s: others can read the keys in it: chmod 600 it", wrong = path);
	scan_free(&s);
	wipe_buf(&b);
	return wrong == NULL;
}

struct providers *
providers_read(const char *path, struct buf *error)
{
	struct providers *p = mem_zero(1, sizeof *p);

	if (path != NULL ? read_file(p, path, error) : provider_from_environment(p, NULL, error))
		return p;
	providers_free(p);
	return NULL;
}

/* ---- */

const struct provider *
providers_find(const struct providers *p, struct span name)
{
	if (name.len == 0)
		return p->n > 0 ? &p->v[0] : NULL;
	for (size_t i = 0; i < p->n; i++) {
		const struct provider *v = &p->v[i];

		if ((strlen(v->key) == name.len && strncasecmp(v->key, name.p, name.len) == 0) ||
		    (strlen(v->name) == name.len && strncasecmp(v->name, name.p, name.len) == 0))
			return v;
	}
	return NULL;
}

static void
put(const char *text, struct buf *out)
{
	json_encode(text, strlen(text), out);
}

void
providers_put(const struct providers *p, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < p->n; i++) {
		const struct provider *v = &p->v[i];

		buf_adds(out, i > 0 ? ",{\"name\":" : "{\"name\":");
		put(v->name, out);
		buf_adds(out, ",\"type\":");
		put(v->key, out);
		buf_adds(out, ",\"enabled\":true,\"models\":[");
		for (size_t k = 0; k < v->n_models; k++) {
			buf_adds(out, k > 0 ? ",{\"name\":" : "{\"name\":");
			put(v->model[k], out);
			buf_adds(out, ",\"model\":");
			put(v->model[k], out);
			buf_adds(out, ",\"enabled\":true}");
		}
		buf_adds(out, "]}");
	}
	buf_addc(out, ']');
}
