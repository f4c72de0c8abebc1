/*
 * message.h - find what somebody said in a LangSmith run.
 *
 * Runs hold messages in some twenty shapes (OpenAI chat and Responses, LangChain
 * constructors, LangGraph state, stored messages, tuples, Anthropic, Gemini, plain
 * fields, lists spelled in a string ...).  The rule, also in msg-extract(1):
 *
 * 1. The list is the first of messages, input, contents, inputs, chat (outputs:
 *    messages, output, outputs, choices, generations) that is a list, an object with a
 *    list in "messages", or a string that spells one of these.
 * 2. If its last element is a list of objects, that is the list.
 * 3. A message counts by role, by type, by the class of a LangChain constructor, or
 *    as a pair ["user", text]; in "contents" one without role and type is the user's.
 * 4. Its text: content, kwargs.content, data.content or parts; a string, or the texts of
 *    the parts joined by newlines.  Without text (images only, tool results) it does not count.
 * 5. Without any list the first string among the usual plain fields counts, except in runs
 *    that programs make for each other (tool, retriever, parser, embedding).
 *
 * Texts are given as JSON, without the quotes: a single string keeps the spelling it has in the run.
 */
#ifndef LANGSMITH_MESSAGE_H
#define LANGSMITH_MESSAGE_H

#include "base/buf.h"
#include "json/scan.h"

enum message_role { ROLE_USER, ROLE_ASSISTANT, ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_TOOL };
#define MESSAGE_ROLES "user|assistant|system|developer|tool"

/* Scratch memory, reused from run to run; one for each thread.  Zeroed is empty. */
struct message_finder {
	enum message_role role;
	bool	 from_outputs;

	const struct scan *record;	/* that the inputs are in; borrowed during a call */
	struct span *list;	/* the elements of the list */
	size_t	 n, cap;
	const char *loaded;	/* whose elements these are */
	struct member *member;	/* what stands in the inputs */
	size_t	 n_members, members_cap;
	bool	 roleless;	/* a message without a role counts (Gemini) */
	bool	 decoded_list;	/* the list points into decoded */
	struct buf decoded, text;
	struct scan scan;
};

/*
 * Look for a list of messages in a valid value (a run's inputs or outputs, or anything else) of a
 * scanned record, best with a map of MESSAGE_DEPTH.  False when there is none.  The list stays
 * until the next call.
 */
#define MESSAGE_DEPTH 5		/* run, inputs, list, batch or message, parts */
bool	message_list(struct message_finder *f, const struct scan *record, struct span inputs);

/* Append the text of the list's element i to out; false when it is not the role's, or has no text. */
bool	message_text(struct message_finder *f, size_t i, struct buf *out);

/* Step 5, when message_list found none: append the plain field's text.  run_type is a JSON value, or empty. */
bool	message_field(struct message_finder *f, struct span run_type, struct buf *out);

void	message_free(struct message_finder *f);

#endif
