# llmutils: small Unix filters for the logs of LLM applications.
# GNU make; see README.md.  Variants (check-san, ...) are the same rules in another B.

# The one place of the version: the tools, the tarball and the package take it from here, CHANGELOG.md is checked against it.
VERSION  = 0.1.0
PREFIX  ?= /usr/local
BINDIR   = $(DESTDIR)$(PREFIX)/bin
MANDIR   = $(DESTDIR)$(PREFIX)/share/man
BASHDIR  = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR   = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
LIBEXEC  = $(DESTDIR)$(PREFIX)/libexec/llmutils
DATADIR  = $(DESTDIR)$(PREFIX)/share/llmutils

B       ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g
PKG_CONFIG ?= pkg-config
WERROR  ?=

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wundef -Wvla \
	-Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wcast-qual $(WERROR)
# Level 3 where the compiler and the C library have it: else the library's headers warn.
FORTIFY := $(shell $(CC) -O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -include features.h -E -xc /dev/null >/dev/null 2>&1 && echo 3 || echo 2)
HARDEN = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(FORTIFY) -fstack-protector-strong -fPIE
HARDEN_LD = -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
MACHINE := $(shell $(CC) -dumpmachine)
ifneq (,$(findstring x86_64,$(MACHINE)))
HARDEN += -fstack-clash-protection -fcf-protection
else ifneq (,$(findstring aarch64,$(MACHINE)))
HARDEN += -fstack-clash-protection -mbranch-protection=standard
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
WORKFLOWS = scripts/sync.sh scripts/archive.sh scripts/etl.sh scripts/cache.sh
# What the workflows are made of, and the files that people read and change, too.
WORKFLOW_PARTS = scripts/workflow.sh scripts/report.awk
WORKFLOW_DATA = scripts/cache.conf.example $(wildcard scripts/sql/*)
UNITS = $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))

PKGS = libcurl zlib libcrypto sqlite3 libpq libmicrohttpd
# Debian's static libdeflate compresses a quarter faster than its shared one.
DEFLATE = $(if $(wildcard $(shell $(CC) -print-file-name=libdeflate.a)),-l:libdeflate.a,-ldeflate)
ALL_CPPFLAGS = -Ilib -Icmd -D_GNU_SOURCE -DVERSION='"$(VERSION)"' $(CPPFLAGS) $(if $(PKGS),$(shell $(PKG_CONFIG) --cflags $(PKGS)))
ALL_CFLAGS = -std=c11 -pthread $(WARN) $(HARDEN) $(CFLAGS)
ALL_LDFLAGS = -pthread $(HARDEN_LD) -Wl,--as-needed $(LDFLAGS)	# as needed: dedup starts without libcurl
LDLIBS += $(if $(PKGS),$(shell $(PKG_CONFIG) --libs $(PKGS))) $(DEFLATE) -lm -ldl

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

$(B)/load $(B)/measure: $(B)/%: $(B)/tests/bench/%.o
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

check: all $(UNITS) $(B)/gen $(B)/fill $(B)/measure $(B)/fault.so $(B)/clock.so
	B=$(abspath $(B)) $(PROVE) -j$(JOBS) --exec tests/run $(TESTS)

# Sanitizers and fuzzers share a build, of clang's.
SANITIZE = CC=clang CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'

# Those that are short; the code of the others runs in these, in unit tests and in fuzzers.  All: make check-san SAN=all
SAN = bt-prune cc-count dedup log-check msg-extract msg-join sql-query trace-api
check-san:
	$(MAKE) check B=$(B)/san $(SANITIZE) \
		TESTS='$(if $(filter all,$(SAN)),$(wildcard tests/*.t),$(SAN:%=tests/%.t)) $(patsubst tests/unit/%.c,$(B)/san/unit/%,$(wildcard tests/unit/*.c))'

# The build as it is, under valgrind, for each tool's main work.  Most of test_gzip is the work of zlib, which takes many minutes there.
VALGRIND = bq-load bq-query bt-prune bt-push cc-count cc-sum dedup log-check ls-fetch msg-extract msg-join rec-cat rec-rotate rec-stat \
	rec-write seal sql-load sql-query
check-valgrind: all $(UNITS) $(B)/gen $(B)/fill $(B)/measure
	B=$(abspath $(B)) PROVE='$(PROVE)' JOBS=$(JOBS) tests/valgrind.sh $(VALGRIND:%=tests/%.t) \
		$(patsubst $(B)/%,$(abspath $(B))/san-valgrind/%,$(filter-out %/test_gzip,$(UNITS)))

# The filters that need nothing but the C library: static, for any machine and C library that CC builds for, such as
#	make pure CC=aarch64-linux-gnu-gcc B=build/arm64	make pure CC=musl-gcc B=build/musl
PURE = dedup msg-extract cc-count cc-sum log-check
PURE_LIB = $(wildcard lib/base/*.c lib/json/*.c lib/ndjson/*.c lib/text/*.c) $(addprefix lib/,langsmith/message.c store/keyset.c store/keyfile.c \
	store/groups.c store/sum.c)
JQ_HEADERS = $(wildcard $(addprefix $(shell $(PKG_CONFIG) --variable=includedir libjq 2>/dev/null || echo /usr/include)/,jq.h jv.h))
pure:
	@mkdir -p $(B)/include && cp $(JQ_HEADERS) $(B)/include
	$(MAKE) PKGS= DEFLATE= LDFLAGS='-static $(LDFLAGS)' CPPFLAGS='-isystem $(B)/include $(CPPFLAGS)' TOOLS='$(PURE)' LIBO='$(PURE_LIB:%.c=$(B)/%.o)' all

lint: all
	scripts/lint.sh

bench: all $(B)/gen $(B)/fill $(B)/load $(B)/measure
	B=$(abspath $(B)) tests/bench/run.sh

bench-all: bench
	for b in sql serve growth services; do B=$(abspath $(B)) tests/bench/$$b.sh || exit; done

# Each target starts from the corpus in the tree and adds nothing to it.
fuzz:
	$(MAKE) B=$(B)/san $(SANITIZE) fuzz-targets
	B=$(abspath $(B)/san) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh

fuzz-targets: $(FUZZERS)

# What measures, installs, packages or tests the stand-ins runs nothing of lib/ that the others do not, and takes long.
UNCOVERED = action bench budget deb etl-scale faults growth hardening install layers ls-fetch-sim man memory page page-units portable \
	recording standin-bigquery standin-feishu
coverage:
	find $(B)/coverage -name '*.gcda' -delete 2>/dev/null || :
	-$(MAKE) check B=$(B)/coverage CFLAGS='-O0 -g --coverage -fprofile-update=atomic -include tests/coverage.h' \
		TESTS='$(filter-out $(UNCOVERED:%=tests/%.t),$(wildcard tests/*.t)) $(patsubst tests/unit/%.c,$(B)/coverage/unit/%,$(wildcard tests/unit/*.c))'
	B=$(abspath $(B)/coverage) tests/coverage.sh

$(FUZZERS): $(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/reference.o $(B)/lib.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

completions: all
	B=$(B) scripts/completions.sh $(B)/completions

install: all completions
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man7 $(BASHDIR) $(ZSHDIR) $(LIBEXEC) $(DATADIR)/sql
	install -m 755 $(BINS) $(BINDIR)
	install -m 644 man/*.1 $(MANDIR)/man1
	install -m 644 man/*.7 $(MANDIR)/man7
	install -m 755 $(WORKFLOWS) $(LIBEXEC)
	install -m 644 $(WORKFLOW_PARTS) $(LIBEXEC)
	install -m 644 scripts/cache.conf.example $(DATADIR)
	install -m 644 scripts/sql/* $(DATADIR)/sql
	install -m 644 $(B)/completions/llmutils.bash $(BASHDIR)/llmutils
	cd $(BASHDIR) && for t in $(TOOLS); do ln -sf llmutils $$t; done
	install -m 644 $(B)/completions/_llmutils $(ZSHDIR)

uninstall:
	rm -f $(TOOLS:%=$(BINDIR)/%) $(patsubst man/%,$(MANDIR)/man1/%,$(wildcard man/*.1)) \
		$(patsubst man/%,$(MANDIR)/man7/%,$(wildcard man/*.7)) $(patsubst scripts/%,$(LIBEXEC)/%,$(WORKFLOWS) $(WORKFLOW_PARTS)) \
		$(patsubst scripts/%,$(DATADIR)/%,$(WORKFLOW_DATA)) $(BASHDIR)/llmutils $(TOOLS:%=$(BASHDIR)/%) $(ZSHDIR)/_llmutils
	-rmdir $(LIBEXEC) $(DATADIR)/sql $(DATADIR) 2>/dev/null

version:
	@echo $(VERSION)

DIST = $(B)/llmutils-$(VERSION).tar.gz
dist:
	@mkdir -p $(B)
	scripts/dist.sh $(VERSION) $(DIST)

# A package of Debian and its source, out of the tarball and scripts/debian.
deb: dist
	scripts/deb.sh $(DIST) $(B)/deb

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.SECONDARY:
.PHONY: all check check-san check-valgrind pure lint bench bench-all fuzz fuzz-targets coverage completions install uninstall version dist deb clean
