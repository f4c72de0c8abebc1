/*
 * gzip.h - gzip files (RFC 1952), read piece by piece and made block by block.
 *
 * A file is one or more members; its data is theirs, one after the other.  Blocks of a large file are compressed
 * side by side, each a member of its own.
 *
 * Reading uses libdeflate for members of ordinary size and zlib for large or damaged ones, so memory is bounded (a little
 * more than GZIP_MEMBER) whatever the file claims.  Zeros behind the last member are padding.
 */
#ifndef STORE_GZIP_H
#define STORE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GZIP_BLOCK	(4u << 20)	/* most data of a member that we make: 0.5 % larger than one stream (1 MiB: 2 %) */
#define GZIP_MEMBER	(8u << 20)	/* data of a member that is inflated in one call */

struct gunzip;			/* one file; for one thread at a time */

/* Returns new (gunzip_free); fd is borrowed. */
struct gunzip *gunzip_new(int fd);
/*
 * Read up to len bytes of data.  Returns the count, 0 at the end, or -1 with errno.  EBADMSG: the file is damaged, gunzip_error
 * says how; the data up to there has been given, and the next call goes on at the next member that can be read (or returns 0).
 * Room for a whole member (GZIP_BLOCK) saves a copy; behind what was read the room may be changed.
 */
ssize_t	gunzip_read(struct gunzip *g, void *p, size_t len);
const char *gunzip_error(const struct gunzip *g);	/* "damaged at byte 1234: ...", valid until the next read */
void	gunzip_free(struct gunzip *g);

/* One compressor for each thread. */
struct gzip;
struct gzip *gzip_new(int level);
size_t	gzip_bound(struct gzip *z, size_t len);
/* Make a member of the len bytes at p; out has room for gzip_bound(len).  Returns its size. */
size_t	gzip_block(struct gzip *z, const void *p, size_t len, void *out);
/* Is this the one member, whole and with the right checksum, of exactly the len bytes at p? */
bool	gzip_holds(struct gzip *z, const void *member, size_t size, const void *p, size_t len);
void	gzip_free(struct gzip *z);

#endif
