/*
 * health.h - is a tree fit to be written to and looked after?  Reads no records.
 *
 * Unhealthy: it is missing, it or one of its folders cannot be written, or less than 100 MiB of disk space are free.
 * Degraded: less than a tenth (and 10 GiB) is free, files have waited for rec-rotate for more than a day, or
 * the last record is older than it may be.
 */
#ifndef RECORDER_HEALTH_H
#define RECORDER_HEALTH_H

#include "recorder/tree.h"

enum health_state { HEALTHY, DEGRADED, UNHEALTHY };
extern const char *const health_names[];	/* "healthy" ... */

struct health {
	enum health_state state;
	bool	 space_known, writable;
	uint64_t available, space;	/* bytes */
	int64_t	 age;			/* of the last record, in ms; negative: there is none */
	struct buf problems;		/* texts, each with its NUL */
};

/* Look at the tree at path.  max_age in ms; negative: any.  h is freed by health_free. */
void	health_check(struct health *h, const char *path, int64_t max_age);
/* Append it as a JSON object; base is the path to tell. */
void	health_json(const struct health *h, const char *base, struct buf *out);
void	health_free(struct health *h);

#endif
