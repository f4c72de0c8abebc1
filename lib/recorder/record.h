/*
 * record.h - what the recorder reads in a record: who, when, which stage, how it went.
 *
 * Fields and stages: one call of a model is written up to three times, metadata.stage "started" (before the
 * call: in progress, not an error), "completed" and "finalized" (with its message_id).  "finalized":true, in
 * metadata or beside it, means the last one; a line that names no stage is a whole record and counts as completed.
 */
#ifndef RECORDER_RECORD_H
#define RECORDER_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "json/scan.h"
#include "recorder/tree.h"
#include "store/keyset.h"

enum rec_stage { STAGE_STARTED, STAGE_COMPLETED, STAGE_FINALIZED };

/* Spans are JSON values in the record's text; p is NULL where the member is absent, null or "" ("" is a session_id, though). */
struct rec {
	struct span id, timestamp, session, message_id, error, prompt, metrics;
	struct span role, step, round;
	enum rec_stage stage;
	bool	 staged;	/* the stage is written in the line */
	bool	 success;	/* success is true */
	bool	 failed;	/* ended without success, or with an error message */
	int64_t	 us;		/* the timestamp, in microseconds since 1970 UTC; without a zone it is local time */
	char	 day[TREE_DAY_SIZE];	/* "" without a timestamp */
};

/*
 * Read a scanned record.  Returns NULL, or what is wrong with it (static text): an id, session_id or timestamp that is there but is
 * not what it must be; it then counts as absent.  scratch is used and left changed.
 */
const char *rec_read(struct rec *r, const struct scan *scan, struct buf *scratch);

/* The session's id as text: a string's decoded text, else the number's own.  Points into scratch or the record. */
struct span rec_session_text(const struct rec *r, struct buf *scratch);

/* performance_metrics.response_time_ms; negative: none. */
float	rec_response_ms(const struct rec *r);

/* What tells records apart: the id; without one the zero fingerprint. */
struct fingerprint rec_key(const struct rec *r, struct keyseed seed, struct buf *scratch);
/* What lines of one call have in common when they do not share an id: session, role, step, round, prompt.  Zero without a prompt. */
struct fingerprint rec_call(const struct rec *r, struct keyseed seed, struct buf *scratch);

#endif
