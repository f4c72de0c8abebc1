# llmutils: small Unix filters for the logs of LLM applications.
# GNU make; see README.md.  Variants (check-san, ...) are the same rules in another B.

VERSION  = 0.1.0
PREFIX  ?= /usr/local
BINDIR   = $(DESTDIR)$(PREFIX)/bin
MANDIR   = $(DESTDIR)$(PREFIX)/share/man
BASHDIR  = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR   = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
LIBEXEC  = $(DESTDIR)$(PREFIX)/share/llmutils

B       ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
PKG_CONFIG ?= pkg-config
WERROR  ?=

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wundef -Wvla \
	-Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wcast-qual $(WERROR)
HARDEN = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDEN_LD = -pie -Wl,-z,relro,-z,now
ifneq (,$(findstring x86_64,$(shell $(CC) -dumpmachine)))
HARDEN += -fstack-clash-protection -fcf-protection
endif
ifneq (,$(findstring -fsanitize,$(CFLAGS)))
HARDEN = -fPIE
endif

# A tool is cmd/NAME.c, or a folder cmd/NAME where it needs more.
ONE   = $(patsubst cmd/%.c,%,$(wildcard cmd/*.c))
MANY  = $(patsubst cmd/%/,%,$(wildcard cmd/*/))
TOOLS = $(ONE) $(MANY)
LIBO  = $(patsubst %.c,$(B)/%.o,$(wildcard lib/*/*.c))
BINS  = $(TOOLS:%=$(B)/%)
WORKFLOWS = scripts/sync.sh scripts/archive.sh scripts/etl.sh scripts/cache.sh scripts/workflow.sh
# What the workflows read.
WORKFLOW_DATA = scripts/report.awk scripts/cache.conf.example $(wildcard scripts/sql/*)
UNITS = $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))

PKGS = libcurl zlib libcrypto sqlite3 libpq libmicrohttpd
# Debian's static libdeflate compresses a quarter faster than its shared one.
DEFLATE = $(if $(wildcard $(shell $(CC) -print-file-name=libdeflate.a)),-l:libdeflate.a,-ldeflate)
ALL_CPPFLAGS = -Ilib -Icmd -D_GNU_SOURCE -DVERSION='"$(VERSION)"' $(CPPFLAGS) $(shell $(PKG_CONFIG) --cflags $(PKGS))
ALL_CFLAGS = -std=c11 -pthread $(WARN) $(HARDEN) $(CFLAGS)
ALL_LDFLAGS = -pthread $(HARDEN_LD) -Wl,--as-needed $(LDFLAGS)	# as needed: dedup starts without libcurl
LDLIBS += $(shell $(PKG_CONFIG) --libs $(PKGS)) $(DEFLATE) -lm -ldl

FUZZERS = $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 30
PROVE ?= prove
JOBS  ?= $(shell nproc 2>/dev/null || echo 2)
# Tests that need no network; the services' official clients are added by scripts/test.sh.
TESTS ?= $(wildcard tests/*.t) $(UNITS)

all: $(BINS)

.SECONDEXPANSION:
OBJECTS = $(patsubst %.c,$(B)/%.o,$(wildcard cmd/$(1).c cmd/$(1)/*.c))
$(BINS): $(B)/%: $$(call OBJECTS,$$*) $(B)/lib.a
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

$(UNITS): $(B)/unit/%: $(B)/tests/unit/%.o $(B)/lib.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

$(B)/gen: $(B)/tests/bench/gen.o
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lm

$(B)/load: $(B)/tests/bench/load.o
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

$(B)/fill: $(B)/tests/bench/fill.o $(B)/lib.a
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

# Shims for LD_PRELOAD: the n-th call fails, another time; built without sanitizers, whose runtime must come first.
$(B)/fault.so $(B)/clock.so: $(B)/%.so: tests/%.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE -O1 -fPIC -shared -o $@ $< -ldl

$(B)/lib.a: $(LIBO)
	rm -f $@ && $(AR) rcs $@ $^

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_CPPFLAGS) -MMD -MP -c -o $@ $<

# The assembler puts the page into it.
$(B)/cmd/trace-serve/page.o: $(wildcard cmd/trace-serve/page/*)

check: all $(UNITS) $(B)/gen $(B)/fill $(B)/fault.so $(B)/clock.so
	B=$(abspath $(B)) $(PROVE) -j$(JOBS) --exec tests/run $(TESTS)

# Left out for their time, since their code runs in the others, in unit tests and in fuzzers; all: make check-san SAN_LEAVES_OUT=
SAN_LEAVES_OUT = archive bq-load bq-load-faults bt-push-crash cache cc-sum etl etl-crash etl-hostile etl-scale fs-auth install ls-fetch-sim man page \
	page-units rec-cat rec-rotate rec-rotate-crash rec-stat recorder server sql-load standin-bigquery standin-feishu sync trace-proxy \
	trace-recorder trace-serve workflows
check-san:
	$(MAKE) check B=$(B)/san CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all' \
		TESTS='$(filter-out $(SAN_LEAVES_OUT:%=tests/%.t),$(wildcard tests/*.t)) $(patsubst tests/unit/%.c,$(B)/san/unit/%,$(wildcard tests/unit/*.c))'

lint: all
	scripts/lint.sh

bench: all $(B)/gen $(B)/fill $(B)/load
	B=$(abspath $(B)) tests/bench/run.sh

# libFuzzer comes with clang; each target starts from the corpus in the tree and adds nothing to it.
fuzz:
	$(MAKE) B=$(B)/fuzzing CC=clang CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
		fuzz-targets
	B=$(abspath $(B)/fuzzing) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh

fuzz-targets: $(FUZZERS)

$(FUZZERS): $(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/reference.o $(B)/lib.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

completions: all
	B=$(B) scripts/completions.sh $(B)/completions

install: all completions
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man7 $(BASHDIR) $(ZSHDIR) $(LIBEXEC)/sql
	install -m 755 $(BINS) $(BINDIR)
	install -m 644 man/*.1 $(MANDIR)/man1
	install -m 644 man/*.7 $(MANDIR)/man7
	install -m 755 $(WORKFLOWS) $(LIBEXEC)
	install -m 644 scripts/report.awk scripts/cache.conf.example $(LIBEXEC)
	install -m 644 scripts/sql/* $(LIBEXEC)/sql
	install -m 644 $(B)/completions/llmutils.bash $(BASHDIR)/llmutils
	cd $(BASHDIR) && for t in $(TOOLS); do ln -sf llmutils $$t; done
	install -m 644 $(B)/completions/_llmutils $(ZSHDIR)

uninstall:
	rm -f $(TOOLS:%=$(BINDIR)/%) $(patsubst man/%,$(MANDIR)/man1/%,$(wildcard man/*.1)) \
		$(patsubst man/%,$(MANDIR)/man7/%,$(wildcard man/*.7)) $(patsubst scripts/%,$(LIBEXEC)/%,$(WORKFLOWS) $(WORKFLOW_DATA)) \
		$(BASHDIR)/llmutils $(TOOLS:%=$(BASHDIR)/%) $(ZSHDIR)/_llmutils
	-rmdir $(LIBEXEC)/sql $(LIBEXEC) 2>/dev/null

dist:
	@mkdir -p $(B)
	git archive --prefix=llmutils-$(VERSION)/ -o $(B)/llmutils-$(VERSION).tar.gz HEAD

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.SECONDARY:
.PHONY: all check check-san lint bench fuzz fuzz-targets completions install uninstall dist clean
