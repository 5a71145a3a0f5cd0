# refire: what each program is made of. Objects by folder; libraries at the end.
# The hooks link libc and nothing else, statically.

HOOKLIB = lib/err lib/clock lib/crc32 lib/uuid lib/fs lib/record lib/spool lib/detach
BASE    = $(HOOKLIB) lib/buf lib/mem lib/log lib/glob lib/json lib/digest \
          lib/backoff lib/proc lib/conf lib/conf_nearest lib/args
NOUNS   = lib/spool_take lib/settings lib/config lib/config_check lib/match lib/change \
          lib/repo lib/refdir lib/gitcmd lib/below
STORE   = lib/db_sqlite lib/queue lib/queue_read lib/queue_poll lib/queue_join \
          lib/queue_attempt lib/queue_rebuild lib/trail lib/trail_write

OPERATE = cli/session cli/sibling cli/words lib/table

HOOK    = hooks/hook hooks/chain hooks/hookconf hooks/hookpath $(HOOKLIB)

post-receive          = hooks/post-receive $(HOOK)
reference-transaction = hooks/reference-transaction $(HOOK)
refire                = cli/refire cli/sibling $(BASE)
refire-hooks          = hooks/hooks hooks/install hooks/uninstall hooks/status hooks/advice \
                        hooks/subject hooks/place hooks/ledger hooks/gitask hooks/hookconf \
                        lib/table $(BASE) $(NOUNS)
refire-poll           = poller/poll $(POLLER) $(BASE) $(NOUNS) $(STORE)
refire-send           = webhook-sender/send $(SENDER) $(BASE) $(NOUNS) $(STORE)
refire-check          = $(CHECK) lib/table $(SENDER) $(BASE) $(NOUNS) $(STORE)
refire-fire           = cli/fire cli/aim $(OPERATE) $(BASE) $(NOUNS)
refire-queue          = cli/queue cli/list cli/show cli/command \
                        cli/store cli/lookup $(OPERATE) $(BASE) $(NOUNS) $(STORE)
refire-status         = cli/status cli/state cli/judge cli/lookup cli/store $(OPERATE) $(BASE) $(NOUNS) $(STORE)
refire-trail          = cli/trail cli/lookup cli/follow $(OPERATE) $(BASE) $(NOUNS)

POLLER = $(patsubst %.c,%,$(filter-out poller/poll.c,$(wildcard poller/*.c)))
SENDER = $(patsubst %.c,%,$(filter-out webhook-sender/send.c webhook-sender/check%.c,\
           $(wildcard webhook-sender/*.c webhook-sender/*/*.c)))
CHECK  = $(patsubst %.c,%,$(wildcard webhook-sender/check*.c))

HOOKS    = post-receive reference-transaction
PROGRAMS = refire refire-hooks refire-poll refire-send refire-check refire-fire \
           refire-queue refire-status refire-trail

LIBS_refire        = -lcrypto -linih
LIBS_refire-hooks  = -lgit2 -lcrypto -linih
LIBS_refire-poll   = -lcurl -lgit2 -lsqlite3 -lcrypto -linih
LIBS_refire-send   = -lcurl -lgit2 -lsqlite3 -ljansson -lcrypto -linih -lpthread
LIBS_refire-check  = $(LIBS_refire-send)
LIBS_refire-fire   = -lgit2 -lcrypto -linih
LIBS_refire-queue  = -lgit2 -lsqlite3 -ljansson -lcrypto -linih
LIBS_refire-status = $(LIBS_refire-queue)
LIBS_refire-trail  = -lgit2 -ljansson -lcrypto -linih
LIBS_all           = -lcurl -lgit2 -lsqlite3 -ljansson -lcrypto -linih -lpthread

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
sysconfdir ?= /etc
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
EVERYTHING = $(sort $(BASE) $(NOUNS) $(STORE) $(SENDER) $(POLLER) lib/table cli/lookup)
$(BUILD)/everything.a: $(call objects,$(EVERYTHING))
	@rm -f $@
	ar rcs $@ $^
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test-*.c))
$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(BUILD)/everything.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/everything.a $(LIBS_all)
unit: $(UNIT)

clean:
	rm -rf $(BUILD)

.PHONY: all unit clean
.SECONDARY:
-include $(shell find $(BUILD) -path $(BUILD)/peers -prune -o -type f -name '*.d' -print 2>/dev/null)
