/*
 * listen.h - a place for a fuzz target's own service.
 */
#ifndef TESTS_LISTEN_H
#define TESTS_LISTEN_H

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "fuzz.h"

/* Listens at a free port of this machine.  Returns the socket; the address goes to url. */
static inline int
listen_here(char url[64])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 16) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	snprintf(url, 64, "http://127.0.0.1:%d", ntohs(a.sin_port));
	return fd;
}

#endif
