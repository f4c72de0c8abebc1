/*
 * count.h - Chinese, English and all characters of a text.
 *
 * A character is a Unicode code point.  COUNT_HAN: Chinese is the script Han (Unicode 17.0, UAX #24),
 * English the letters A-Z and a-z.  COUNT_BOTRUN: English is U+0020..U+007E, Chinese every other code
 * point; the rest of botrun-log's rule is in text/botrun.h.
 *
 * The text must be valid UTF-8.  Up to SCAN_PAD bytes behind its end are read, so the buffer must have
 * them (base/buf.h buf_pad; a scanned record has).  The vector paths (AVX2, AVX-512, chosen at run time) and
 * the portable one give equal results.
 */
#ifndef TEXT_COUNT_H
#define TEXT_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/scan.h"

enum count_rule { COUNT_HAN, COUNT_BOTRUN };

struct counts {
	uint64_t ch, en, total;
};

/* Add the characters of a text, as it stands. */
void	count_text(enum count_rule rule, struct span text, struct counts *c);
/* Add those that a valid JSON string spells; raw is what stands between its quotes.  A lone surrogate is one U+FFFD. */
void	count_string(enum count_rule rule, struct span raw, struct counts *c);

/* The script Han. */
bool	count_is_han(uint32_t c);

/* Use the machine's i-th path, for tests and comparisons: 0 is the best one, the last is portable.  False: there are less. */
bool	count_force(size_t i);

#endif
