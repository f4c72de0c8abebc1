/*
 * merge.h - the latest state of a record from the lines that were written of it.
 */
#ifndef RECORDER_MERGE_H
#define RECORDER_MERGE_H

#include "base/buf.h"
#include "json/scan.h"

/*
 * Fold the lines (n >= 1 valid records in the order in which they were written, padded as json/scan.h wants) into one,
 * appended to out without a newline.  A later stage wins, of one stage the later line.  null, "", [] and {} erase
 * nothing; objects are folded one level deep; id is that of the earliest stage, timestamp the earliest.  Members stand in the order of
 * their first appearance and keep their spelling; what is the same in all lines is unchanged byte for byte.
 */
void	rec_merge(const struct span *line, size_t n, struct buf *out);
/* The same in place of b's content, padded; where there is only one line, itself. */
struct span rec_state(const struct span *line, size_t n, struct buf *b);

#endif
