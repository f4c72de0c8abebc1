/*
 * measure - run a command once and print what it took
 *
 *   measure STDIN STDOUT COMMAND [ARGUMENT...]
 *
 * One line on stdout: wall and CPU time (user and system) in microseconds, peak memory in KB, exit status (128+n for a signal).
 * Children that the command waits for count, so that sh -c 'a | b' is measured as a whole; its peak is the largest one's.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static long
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

int
main(int argc, char *argv[])
{
	extern char **environ;
	posix_spawn_file_actions_t files;
	struct rusage used;
	pid_t pid;
	long from;
	int error, status;

	if (argc < 4) {
		fputs("usage: measure STDIN STDOUT COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, argv[1], O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
	from = now();
	/* No fork: peak memory would be that of this process at least, page tables would be copied. */
	if ((error = posix_spawnp(&pid, argv[3], &files, NULL, argv + 3, environ)) != 0) {
		fprintf(stderr, "measure: %s: %s\n", argv[3], strerror(error));
		return 3;
	}
	posix_spawn_file_actions_destroy(&files);
	if (wait4(pid, &status, 0, &used) != pid) {
		perror("measure: wait4");
		return 3;
	}
	printf("%ld %ld %ld %d\n", now() - from,
	    (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000L + used.ru_utime.tv_usec + used.ru_stime.tv_usec, used.ru_maxrss,
	    WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}
