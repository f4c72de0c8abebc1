#include "base/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define SECRET_MAX (64u << 10)	/* bytes; a user token is a few KB */

static char *
trimmed(const char *s, size_t len)
{
	while (len > 0 && strchr(" \t\r\n", s[0]) != NULL)
		s++, len--;
	while (len > 0 && strchr(" \t\r\n", s[len - 1]) != NULL)
		len--;
	if (len >= 2 && (s[0] == '"' || s[0] == '\'') && s[len - 1] == s[0])
		s++, len -= 2;
	return len == 0 ? NULL : mem_dup(s, len);
}

static char *
get(const char *name)
{
	const char *v = getenv(name);

	return v == NULL ? NULL : trimmed(v, strlen(v));
}

char *
env_get(const char *const names[])
{
	char *v = NULL;

	for (; *names != NULL && v == NULL; names++)
		v = get(*names);
	return v;
}

int
env_secret(const char *const names[], char **value, char **path)
{
	*path = NULL;
	for (*value = NULL; *names != NULL && *value == NULL; names++) {
		struct buf b = { .max = SECRET_MAX };
		char file[128];

		if ((*value = get(*names)) != NULL)
			break;
		snprintf(file, sizeof file, "%s_FILE", *names);
		if ((*path = get(file)) == NULL)
			continue;
		if (file_read(*path, &b) == -1) {
			buf_free(&b);
			return -1;
		}
		*value = trimmed(b.p, b.len);
		buf_free(&b);
		free(*path);
		*path = NULL;
	}
	return 0;
}
