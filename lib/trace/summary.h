/*
 * summary.h - what a list shows of a trace, from its texts: the model, the tokens, and how the last message of the user begins.
 *
 * Chat completions and the Responses API, and Anthropic's messages.  A text that is no JSON object has nothing of it.
 */
#ifndef TRACE_SUMMARY_H
#define TRACE_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "json/scan.h"

struct conn;

struct summary {
	struct buf model, preview;	/* text; empty: none */
	int64_t	 input_tokens, output_tokens, latency_ms;	/* -1: not told */
};

void	summarize(struct summary *m, struct span request, struct span response, struct span metadata);
void	summary_free(struct summary *m);

/* The same as functions of SQL: trace_model(request), trace_preview(request), trace_tokens(response, output), trace_us(time). */
bool	summary_register(struct conn *c);

#endif
