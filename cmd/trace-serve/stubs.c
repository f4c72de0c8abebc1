/* Handlers that are not written yet. */
#include <stdlib.h>

#include "openai/providers.h"
#include "trace-serve/serve.h"

#define WEAK __attribute__((weak))
#define STUB(name) void WEAK name(struct call *c) { answer_fail(c, 501, "Not implemented"); }

STUB(trace_post) STUB(health_get) STUB(sessions_get) STUB(session_get) STUB(session_delete) STUB(session_records_get)
STUB(records_get) STUB(record_get) STUB(record_delete)
STUB(providers_get) STUB(record_replay) STUB(replay_sessions_post) STUB(replay_sessions_get) STUB(replay_session_get)
STUB(replay_session_delete) STUB(replay_session_records_get) STUB(replay_debug_post)
STUB(recorder_health_get) STUB(recorder_session_get) STUB(recorder_latest_get) STUB(recorder_statistics_get) STUB(recorder_cleanup)
STUB(proxy_call)
bool WEAK page_answer(struct app *app, struct request *rq) { (void)app; (void)rq; return false; }
struct trace_store *WEAK trace_store_open(const char *path, struct buf *error) { (void)path; (void)error; return malloc(1); }
void WEAK trace_store_close(struct trace_store *s) { free(s); }
struct providers *WEAK providers_read(const char *path, struct buf *error) { (void)path; (void)error; return calloc(1, sizeof(struct providers)); }
void WEAK providers_free(struct providers *p) { free(p); }
