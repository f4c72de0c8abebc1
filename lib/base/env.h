/*
 * env.h - settings and secrets from the environment.
 *
 * An empty value counts as unset; blanks and one pair of quotes around a value
 * are removed, because .env files and CI settings often bring them along.
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

/*
 * The value of the first of these variables that is set, or NULL.  names ends
 * with NULL.  Returns new memory (free).
 */
char	*env_get(const char *const names[]);

/*
 * A secret: as env_get, or for each NAME the content of the file that NAME_FILE
 * names.  Returns 0 with *value new (or NULL when none is set), or -1 with errno
 * and *path (new) when such a file cannot be read.
 */
int	 env_secret(const char *const names[], char **value, char **path);

#endif
