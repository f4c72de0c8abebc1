/*
 * fuzz_ledger - any bytes as a ledger: it is refused with a word, and its lines left as they are, or all that it does afterwards works, and what
 * it leaves behind is taken again, with the same keys.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/msg.h"
#include "store/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void
write_file(const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd == -1 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

/* Its lines are as they were; the last one may have got its newline, or may be gone if it was torn. */
static void
check_kept(const uint8_t *data, size_t size)
{
	static uint8_t now[1 << 16];
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, now, sizeof now);
	size_t n = len < 0 ? 0 : (size_t)len;

	close(fd);
	if (n == size + 1 && now[size] == '\n')
		n--;
	if (n > size || memcmp(now, data, n) != 0 || memchr(data + n, '\n', size - n) != NULL)
		abort();
}

static bool
count_receipt(void *arg, const struct scan *line, struct span text)
{
	(void)text;
	*(size_t *)arg += scan_find(line, "record_id", 9) != NULL;
	return true;
}

static void
settle(struct ledger *l)
{
	struct buf receipts = { 0 };
	struct intent in;
	struct json_iter it;
	struct span row;

	if (!ledger_unsettled(l, &in))
		return;
	for (it = json_open(in.rows); json_next_element(&it, &row); )
		ledger_put_receipt(l, row, "rec1", 4, &receipts);
	if (ledger_settle(l, &receipts) == -1 || ledger_unsettled(l, &in))
		abort();
	buf_free(&receipts);
}

static void
fail_without_word(const struct ledger *l)
{
	if (l->error.len == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ledger l;
	size_t receipts = 0, again = 0;
	enum ledger_status st;

	if (path[0] == '\0') {	/* in memory, where that is to be had: it is synced all the time */
		snprintf(path, sizeof path, "%s/llmutils-fuzz-ledger.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		close(mkstemp(path));
	}
	msg_level = MSG_QUIET;
	write_file(data, size);
	st = ledger_open(&l, path, "run_id");
	if (st != LEDGER_OK) {
		fail_without_word(&l);
		buf_free(&l.error);
		if (st == LEDGER_REFUSED)
			check_kept(data, size);
		unlink(path);
		return 0;
	}
	if (ledger_bind(&l, "table") != LEDGER_OK) {
		fail_without_word(&l);
		ledger_abandon(&l);
		unlink(path);
		return 0;
	}
	settle(&l);
	if (ledger_each(&l, count_receipt, &receipts) == -1 || ledger_close(&l) == -1)
		abort();
	if (ledger_open(&l, path, "run_id") != LEDGER_OK || ledger_bind(&l, "table") != LEDGER_OK)
		abort();
	if (ledger_each(&l, count_receipt, &again) == -1 || again != receipts || ledger_close(&l) == -1)
		abort();
	unlink(path);
	return 0;
}
