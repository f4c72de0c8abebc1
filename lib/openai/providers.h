/*
 * providers.h - the OpenAI-compatible APIs that replays may be sent to, with their keys.
 *
 * From a file, {"openai":{"name":"OpenAI","base_url":"https://api.openai.com/v1","api_key":"...","models":["gpt-4o"]},...}, where
 * "api_key_env" or "api_key_file" may stand for the key; the file is refused where others can read keys in it.  Without a file:
 * one, "openai", of OPENAI_BASE_URL and OPENAI_API_KEY (or OPENAI_API_KEY_FILE), where these are set.
 */
#ifndef OPENAI_PROVIDERS_H
#define OPENAI_PROVIDERS_H

#include "base/buf.h"
#include "json/scan.h"

struct provider {
	char	*key, *name;		/* owned, as all; key: the name in the file, in lower case */
	char	*base_url;		/* without a slash at the end */
	char	*secret;		/* NULL: none is sent */
	char	**model;
	size_t	 n_models;
};

struct providers {
	struct provider *v;		/* owned, in the order of the file */
	size_t	 n;
};

/* Returns new (providers_free), or NULL with a message appended to error.  None at all is fine. */
struct providers *providers_read(const char *path, struct buf *error);
void	providers_free(struct providers *p);	/* wipes the keys */
/*
 * Add the one of the environment, if there is one; with base_url (not NULL) that one instead of OPENAI_BASE_URL.  False: with a message
 * appended to error.
 */
bool	provider_from_environment(struct providers *p, const char *base_url, struct buf *error);
/* By key or name, any case; empty: the first.  NULL: there is none. */
const struct provider *providers_find(const struct providers *p, struct span name);
/* [{"name","type","enabled","models":[{"name","model","enabled"}]}] */
void	providers_put(const struct providers *p, struct buf *out);

#endif
