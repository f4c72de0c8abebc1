/*
 * botrun.h - the characters that botrun-log counted, to the last one.
 *
 * botrun-log stored and counted json.dumps(json.loads(text), ensure_ascii=False) for a text that Python's json module parses,
 * and the text itself for any other.  So: blanks outside of strings become ", " and ": ", escapes are written out
 * but for those of '"', '\' and the controls, floats are spelled as Python spells them, of equal keys the first gives the place and
 * the last the value, NaN and Infinity are values.  Python's limits hold as well: an integer of more than BOTRUN_DIGITS digits,
 * or brackets deeper than BOTRUN_DEPTH, and the text counts as it stands.
 *
 * Follows Python 3.11 (Modules/_json.c, float_repr); older ones had no limit for digits.  How deep the
 * brackets may go depended on who called json.loads; here it is what a script itself could do.
 */
#ifndef TEXT_BOTRUN_H
#define TEXT_BOTRUN_H

#include "base/buf.h"
#include "text/count.h"

#define BOTRUN_DIGITS	4300
#define BOTRUN_DEPTH	995

/* Scratch memory, reused from text to text; one for each thread.  Zeroed is empty. */
struct botrun {
	struct buf text;
	struct buf keys;		/* of the objects that are open, one behind the other */
	struct botrun_pair *pair;	/* their members; owned */
	size_t	 n, cap;
};

/* Add the counts of a text: UTF-8, padded as in text/count.h. */
void	botrun_text(struct botrun *b, struct span text, struct counts *c);
/* The same for the text that a valid JSON string spells; raw is what stands between its quotes. */
void	botrun_string(struct botrun *b, struct span raw, struct counts *c);
void	botrun_free(struct botrun *b);

#endif
