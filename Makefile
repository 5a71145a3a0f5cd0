# refire: what each program is made of. Objects by folder; libraries at the end.
# The hooks link libc and nothing else, statically.

HOOKLIB = lib/err lib/clock lib/crc32 lib/uuid lib/fs lib/record lib/spool lib/detach
BASE    = $(HOOKLIB) lib/buf lib/mem lib/log lib/glob lib/json lib/digest \
          lib/backoff lib/ballast lib/proc lib/conf lib/conf_nearest lib/args
NOUNS   = lib/spool_take lib/address lib/secret_lines lib/secrets lib/pem lib/settings lib/config \
          lib/config_check lib/config_kind lib/kinds lib/match lib/change lib/mirror lib/repo \
          lib/repo_memory lib/refdir lib/gitcmd lib/below
STORE   = lib/db_sqlite lib/queue lib/queue_intake lib/queue_command lib/queue_read \
          lib/queue_poll lib/queue_join lib/queue_claim lib/queue_gate \
          lib/queue_approval lib/queue_heard lib/queue_prune \
          lib/queue_attempt lib/queue_clock lib/queue_story lib/trail lib/trail_write lib/trail_files

SEALED  = lib/gzip lib/trail_index
SEAL    = lib/rsa lib/trail_key lib/trail_digest lib/trail_seal lib/trail_verify

AWS     = lib/aws/sigv4 lib/aws/service lib/aws/profile lib/aws/aws_plan lib/aws/login lib/aws/login_read \
          lib/aws/xml lib/aws/fault lib/aws/request
CLIENT  = lib/aws/client lib/aws/fetch $(AWS)

OPERATE = cli/session cli/sibling cli/words cli/words_help lib/table

HOOK    = hooks/hook hooks/chain hooks/hookconf hooks/hookpath $(HOOKLIB)

post-receive          = hooks/post-receive $(HOOK)
reference-transaction = hooks/reference-transaction $(HOOK)
refire                = cli/refire cli/sibling $(BASE)
refire-hooks          = hooks/hooks hooks/install hooks/uninstall hooks/status hooks/advice \
                        hooks/subject hooks/place hooks/ledger hooks/gitask hooks/hookconf \
                        lib/table $(BASE) $(NOUNS)
refire-poll           = poller/poll $(POLLER) $(BASE) $(NOUNS) $(STORE)
refire-send           = webhook-sender/send $(SENDER) $(SEALED) $(SEAL) $(BASE) $(NOUNS) $(STORE)
refire-check          = $(CHECK) lib/table $(SENDER) $(SEALED) $(SEAL) $(BASE) $(NOUNS) $(STORE)
refire-fire           = cli/fire cli/aim $(OPERATE) $(BASE) $(NOUNS)
refire-queue          = cli/queue cli/list cli/show cli/command cli/many cli/confirm cli/hold cli/prune \
                        cli/rebuild \
                        lib/queue_rebuild lib/queue_recall $(SEALED) cli/store cli/gone cli/records cli/lookup \
                        $(OPERATE) $(BASE) $(NOUNS) $(STORE)
refire-approve        = cli/approve cli/decision cli/store $(OPERATE) $(BASE) $(NOUNS) $(STORE)
refire-reject         = cli/reject cli/decision cli/store $(OPERATE) $(BASE) $(NOUNS) $(STORE)
refire-approvals      = cli/approvals cli/list cli/store $(OPERATE) $(BASE) $(NOUNS) $(STORE)
refire-status         = cli/status cli/status_repositories cli/state cli/state_json cli/state_repositories \
                        cli/state_secrets cli/judge cli/judge_repositories cli/rhythm cli/lookup cli/records \
                        cli/store $(SEALED) $(OPERATE) $(BASE) $(NOUNS) $(STORE)
refire-explain        = cli/explain cli/story cli/story_delivery cli/story_absent cli/remedy \
                        cli/lookup cli/gone cli/records cli/store $(SEALED) $(OPERATE) $(BASE) $(NOUNS) $(STORE)
refire-codecommit-credential = cli/codecommit-credential cli/words_help $(CLIENT) $(BASE)
refire-artifact       = cli/artifact cli/words_help cli/tree_zip cli/tar_zip cli/zip $(BASE) $(NOUNS)
refire-trail          = cli/trail cli/trail_seals cli/lookup cli/records cli/follow lib/trail_files \
                        $(SEALED) $(SEAL) $(OPERATE) $(BASE) $(NOUNS)

POLLER = $(patsubst %.c,%,$(filter-out poller/poll.c,$(wildcard poller/*.c)))
SENDER = $(patsubst %.c,%,$(filter-out webhook-sender/send.c webhook-sender/check%.c,\
           $(wildcard webhook-sender/*.c webhook-sender/*/*.c)))
CHECK  = $(patsubst %.c,%,$(wildcard webhook-sender/check*.c))

HOOKS    = post-receive reference-transaction
PROGRAMS = refire refire-hooks refire-poll refire-send refire-check refire-fire \
           refire-queue refire-status refire-explain refire-trail refire-approve refire-reject \
           refire-approvals refire-codecommit-credential refire-artifact

LIBS_refire        = -lcrypto -linih
LIBS_refire-hooks  = -lgit2 -lcrypto -linih
LIBS_refire-poll   = -lcurl -lgit2 -lsqlite3 -lcrypto -linih
LIBS_refire-send   = -lcurl -lgit2 -lsqlite3 -ljansson -lcrypto -linih -lz -lpthread
LIBS_refire-check  = $(LIBS_refire-send)
LIBS_refire-fire   = -lgit2 -lcrypto -linih
LIBS_refire-queue  = -lgit2 -lsqlite3 -ljansson -lcrypto -linih -lz
LIBS_refire-approve = -lgit2 -lsqlite3 -lcrypto -linih
LIBS_refire-reject = $(LIBS_refire-approve)
LIBS_refire-approvals = $(LIBS_refire-approve)
LIBS_refire-codecommit-credential = -lcurl -ljansson -lcrypto -linih
LIBS_refire-artifact = -lgit2 -larchive -lcrypto -linih -lpthread
LIBS_refire-status = $(LIBS_refire-queue)
LIBS_refire-explain = $(LIBS_refire-queue)
LIBS_refire-trail  = -lgit2 -ljansson -lcrypto -linih -lz
LIBS_all           = -lcurl -lgit2 -lsqlite3 -ljansson -lcrypto -linih -lz -lpthread

# ---------------------------------------------------------------------------

BUILD   ?= build
CC      ?= gcc
VERSION  = 0.1.0
OPT     ?= -O2 -g
WARN     = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
           -Wvla -Wformat=2 -Wundef -Wcast-qual
HARDEN  ?= -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CPPFLAGS += -D_GNU_SOURCE -DREFIRE_VERSION='"$(VERSION)"' -Ilib -Iwebhook-sender -Ipoller \
            -Ihooks -Icli
CFLAGS  += -std=c11 $(OPT) $(WARN) $(HARDEN) $(SAN)
LDFLAGS += $(SAN)
STATIC  ?= -static

prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
libexecdir ?= $(prefix)/libexec/refire
mandir     ?= $(prefix)/share/man
unitdir    ?= $(prefix)/lib/systemd/system
docdir     ?= $(prefix)/share/doc/refire

all: $(PROGRAMS:%=$(BUILD)/%) $(HOOKS:%=$(BUILD)/hooks/%)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

objects = $(patsubst %,$(BUILD)/%.o,$(1))

define program
$(BUILD)/$(1): $(call objects,$($(1)))
	$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(LIBS_$(1))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

define hook
$(BUILD)/hooks/$(1): $(call objects,$($(1)))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(LDFLAGS) $$(STATIC) -o $$@ $$(filter %.o,$$^)
endef
$(foreach p,$(HOOKS),$(eval $(call hook,$(p))))

# Unit tests: tests/unit/test-NAME.c, each linked with everything but the mains.
EVERYTHING = $(sort $(CLIENT) lib/queue_rebuild lib/queue_recall $(SEALED) $(SEAL) $(BASE) $(NOUNS) $(STORE) $(SENDER) $(POLLER) lib/table cli/lookup cli/records cli/rhythm \
               hooks/hookconf hooks/hookpath hooks/ledger hooks/place)
$(BUILD)/everything.a: $(call objects,$(EVERYTHING))
	@rm -f $@
	ar rcs $@ $^
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test-*.c))
$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(BUILD)/everything.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/everything.a $(LIBS_all)
unit: $(UNIT)
$(BUILD)/tests/bench-%: $(BUILD)/tests/bench/%.o $(BUILD)/everything.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/everything.a $(LIBS_all)

clean:
	rm -rf $(BUILD)

# ---- for a person: these need nothing but git and make to be there ----

JOBS   ?= $(shell nproc 2>/dev/null || echo 1)
SUBMAKE = $(MAKE) --no-print-directory -s $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

deps:
	@tests/packages build
demo:
	@tests/packages demo
	@echo "building refire into $(BUILD)"
	@$(SUBMAKE) all
	@REFIRE_BUILD='$(BUILD)' tests/demo
test:
	@tests/packages test
	@echo "building refire and its tests into $(BUILD)"
	@$(SUBMAKE) all unit replay
	@REFIRE_BUILD='$(BUILD)' tests/run
torture:		# the long forms of the tests
	@tests/packages test
	@$(SUBMAKE) all unit replay
	@REFIRE_BUILD='$(BUILD)' TORTURE=1 tests/run -k
# The peers of tests/bench/delivery.py, as those of conformance below.
BENCH_PEERS = $(BUILD)/bench-peers/node_modules/.package-lock.json
$(BENCH_PEERS): $(wildcard tests/bench/peers/*)
	@mkdir -p $(BUILD)/bench-peers
	@cp $^ $(BUILD)/bench-peers
	@cd $(BUILD)/bench-peers && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
bench-peers: $(BENCH_PEERS)
bench:			# each prints what it must reach, and exits 1 when it does not
	@tests/packages bench
	@$(SUBMAKE) all $(BUILD)/tests/bench-enrich $(BUILD)/tests/bench-attempts bench-peers
	@failed=0; for b in tests/bench/*.py; do echo "== $$b"; \
		REFIRE_BUILD='$(BUILD)' python3 -B $$b || failed=1; done; exit $$failed
bench-%:		# one of them: make bench-poll
	@tests/packages bench
	@$(SUBMAKE) all $(BUILD)/tests/bench-enrich $(if $(filter delivery,$*),bench-peers)
	@REFIRE_BUILD='$(BUILD)' python3 -B tests/bench/$*.py
# The verifiers of tests/conformance, from npm by its lock file, into the build folder.
CONFORMANCE = $(BUILD)/conformance/node_modules/.package-lock.json
$(CONFORMANCE): tests/conformance/package-lock.json tests/conformance/package.json
	@mkdir -p $(BUILD)/conformance
	@cp $^ $(BUILD)/conformance
	@cd $(BUILD)/conformance && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
conformance:		# every format against the verifiers that receivers use
	@tests/packages conformance
	@$(SUBMAKE) all $(CONFORMANCE)
	@REFIRE_BUILD='$(BUILD)' tests/run conformance
checks:			# what .ci/run runs after the tests
	@tests/packages ci
	@tests/checks/all
check-%:		# one of them: make check-includes
	@tests/checks/$*
print-%:		# a variable, for the checks
	@echo $($*)
SOURCES = $(wildcard lib/*.c lib/*/*.c cli/*.c hooks/*.c poller/*.c webhook-sender/*.c \
          webhook-sender/*/*.c tests/*/*.c)
compile: $(SOURCES:%.c=$(BUILD)/%.o)	# every object, nothing linked
$(BUILD)/tests/settings: $(BUILD)/tests/checks/settings.o $(BUILD)/everything.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_all)

# ---- fuzz: tests/fuzz/fuzz-NAME.c; `make test` replays tests/fuzz/corpus/NAME/ ----

FUZZ_SECONDS ?= 60
FUZZ = $(patsubst tests/fuzz/fuzz-%.c,%,$(wildcard tests/fuzz/fuzz-*.c))

$(BUILD)/tests/replay-%: $(BUILD)/tests/fuzz/fuzz-%.o $(BUILD)/tests/fuzz/replay.o \
		$(BUILD)/everything.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_all)
$(BUILD)/tests/fuzz-%: $(BUILD)/tests/fuzz/fuzz-%.o $(BUILD)/everything.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS_all)
replay: $(FUZZ:%=$(BUILD)/tests/replay-%)
fuzzers: $(FUZZ:%=$(BUILD)/tests/fuzz-%)
fuzz:			# make fuzz FUZZ_SECONDS=600 FUZZ='conf glob'
	@tests/packages ci
	@$(SUBMAKE) BUILD=$(BUILD)/fuzz CC=clang HARDEN= STATIC= OPT='-O1 -g' \
		SAN='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' fuzzers
	@for f in $(FUZZ); do echo "== $$f, $(FUZZ_SECONDS) s"; d=$(BUILD)/fuzz/found/$$f; \
		mkdir -p $$d tests/fuzz/corpus/$$f; \
		$(BUILD)/fuzz/tests/fuzz-$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
			-rss_limit_mb=1024 -verbosity=0 -print_final_stats=1 -artifact_prefix=$$d. \
			$$d tests/fuzz/corpus/$$f || exit 1; done

# ---- install: refire in bindir, its commands and the hooks in libexecdir ----

COMMANDS = $(filter-out refire,$(PROGRAMS))
MAN1     = $(wildcard docs/man/*.1)
MAN5     = $(wildcard docs/man/*.5)
UNITS    = $(wildcard conf/*.service conf/*.timer conf/*.path)
DOCS     = $(wildcard README.md docs/*.md conf/refire.conf conf/refire.cron)
EXAMPLES = $(wildcard conf/examples/*)

install: all
	install -d $(addprefix $(DESTDIR),$(bindir) $(libexecdir)/hooks $(unitdir) \
		$(mandir)/man1 $(mandir)/man5 $(docdir)/examples)
	install -m 755 $(BUILD)/refire $(DESTDIR)$(bindir)
	install -m 755 $(COMMANDS:%=$(BUILD)/%) $(DESTDIR)$(libexecdir)
	install -m 755 $(HOOKS:%=$(BUILD)/hooks/%) $(DESTDIR)$(libexecdir)/hooks
	install -m 644 $(MAN1) $(DESTDIR)$(mandir)/man1
	install -m 644 $(MAN5) $(DESTDIR)$(mandir)/man5
	install -m 644 $(UNITS) $(DESTDIR)$(unitdir)
	install -m 644 $(DOCS) $(DESTDIR)$(docdir)
	install -m 644 $(EXAMPLES) $(DESTDIR)$(docdir)/examples
	sed -i 's,/usr/local/bin/,$(bindir)/,g' $(addprefix $(DESTDIR)$(unitdir)/,$(notdir $(UNITS))) \
		$(DESTDIR)$(docdir)/refire.cron

uninstall:		# what `make install` put there; never state-dir or /etc/refire
	rm -f $(DESTDIR)$(bindir)/refire $(COMMANDS:%=$(DESTDIR)$(libexecdir)/%) \
		$(HOOKS:%=$(DESTDIR)$(libexecdir)/hooks/%) \
		$(addprefix $(DESTDIR)$(mandir)/man1/,$(notdir $(MAN1))) \
		$(addprefix $(DESTDIR)$(mandir)/man5/,$(notdir $(MAN5))) \
		$(addprefix $(DESTDIR)$(unitdir)/,$(notdir $(UNITS)))
	rm -rf $(DESTDIR)$(docdir)
	-rmdir $(DESTDIR)$(libexecdir)/hooks $(DESTDIR)$(libexecdir)

.PHONY: all unit clean deps demo test torture bench bench-peers conformance checks compile replay fuzzers fuzz install uninstall
.SECONDARY:
-include $(shell find $(BUILD) -path $(BUILD)/peers -prune -o -type f -name '*.d' -print 2>/dev/null)
