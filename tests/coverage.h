/*
 * coverage.h - put before each file of a build for coverage: a process that ends by a signal
 * that it has caught, as servers do, or by _exit writes its counts first.
 */
#include <signal.h>
#include <unistd.h>

void	__gcov_dump(void);

#define raise(sig) (__gcov_dump(), (raise)(sig))
#define _exit(status) (__gcov_dump(), (_exit)(status))
