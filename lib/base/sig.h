/*
 * sig.h - SIGINT, SIGTERM and SIGHUP as a request to stop.
 *
 * A tool that must leave its files in order calls sig_catch; io_read and
 * io_wait then return EINTR once a signal has come, in whichever thread.  The
 * tool puts things in order and ends through sig_exit.  A signal that was
 * ignored when the tool started stays ignored.
 */
#ifndef BASE_SIG_H
#define BASE_SIG_H

void	sig_catch(void);
int	sig_caught(void);	/* the signal that came, or 0 */
int	sig_fd(void);		/* readable once a signal came; -1 without sig_catch */
/* Die of the signal that came, or return status when none did. */
int	sig_exit(int status);
/* Do not die of writing to a closed socket; std_out still dies of a closed pipe. */
void	sig_ignore_pipe(void);

#endif
