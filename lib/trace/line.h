/*
 * line.h - a trace as one line of JSON, as trace-serve --tee and trace-replay write it.
 *
 * It is a record that rec-write takes: "success" and "metadata.stage" tell what "status" tells.  Request, response and metadata stand
 * in it as JSON, their bytes unchanged, but for line ends between values, which become blanks.
 */
#ifndef TRACE_LINE_H
#define TRACE_LINE_H

#include "trace/store.h"

/* With id, session_id, turn and created_us, as for done.  With its newline. */
void	trace_line_put(const struct trace *t, struct buf *out);

#endif
