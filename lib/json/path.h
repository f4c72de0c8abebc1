/*
 * path.h - field paths as jq writes them: id  .id  .a.b[0].c  .["odd key"]  [-1]
 *
 * Names are letters, digits, '_', '-' and every byte above 0x7f; others go in brackets
 * and quotes, as a JSON string.
 */
#ifndef JSON_PATH_H
#define JSON_PATH_H

#include "json/scan.h"

struct path_step {
	char	*name;		/* decoded; NULL for an index */
	size_t	 len;
	long	 index;		/* from the end when negative */
};

struct path {
	struct path_step *step;	/* owned */
	size_t n;
};

/* Parse text.  Returns 0, or -1 with *error (static text); then there is nothing to free. */
int	path_parse(struct path *path, const char *text, const char **error) __attribute__((warn_unused_result));
void	path_free(struct path *path);

/* The name in a path of one member ("id", ".id"), as new text; NULL: it is something else. */
char	*path_member(const char *text);

/* Find the path's value in a scanned record; false when it is not there. */
bool	path_find(const struct path *path, const struct scan *record, struct span *val);

#endif
