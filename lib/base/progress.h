/*
 * progress.h - one line on the terminal while work goes on.
 *
 * Shown on stderr: with "auto" when it is a terminal (and not with -q), redrawn at most five
 * times a second, and wiped before a message is printed.  Where the total is
 * known there is a bar with the time left.
 *
 * One line per terminal: the first tool of a pipeline that draws it keeps it until it ends, and none draws
 * while one writes its records there.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_when { PROGRESS_AUTO, PROGRESS_ALWAYS, PROGRESS_NEVER };

#define PROGRESS_CHOICES "auto|always|never"
#define OPT_PROGRESS(to) OPT_CHOICE(0, "progress", PROGRESS_CHOICES, to, "show progress on stderr (auto: on a terminal)")

/* what: the noun, "records"; writes: they go to stdout meanwhile. */
void	progress_start(enum progress_when when, const char *what, bool writes);
/* done and total are of any one unit (bytes, windows); total 0: unknown.  Not thread safe. */
void	progress_show(uint64_t records, uint64_t done, uint64_t total);
void	progress_clear(void);
/* For a message: another tool may have drawn the line. */
void	progress_make_room(void);

#endif
