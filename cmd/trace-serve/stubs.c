/* Handlers that are not written yet. */
#include <stdlib.h>

#include "openai/providers.h"
#include "trace-serve/serve.h"

#define WEAK __attribute__((weak))
#define STUB(name) void WEAK name(struct call *c) { answer_fail(c, 501, "Not implemented"); }

bool WEAK page_answer(struct app *app, struct request *rq) { (void)app; (void)rq; return false; }
