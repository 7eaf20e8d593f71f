# SPDX-License-Identifier: Apache-2.0
#
# ganger.  `make` builds the programs in build/, `make demo` shows them behind a real nginx,
# `make check` installs what testing needs and runs all of it.  `make help` lists the rest.
#
# Every room (see src/ROOMS) becomes a static library, and a program is linked with the libraries of
# its rooms alone, so that a call into a room that the program must not contain fails to link.

VERSION := 0.1.0

BUILD ?= build
# What is built: release, asan (address and undefined-behaviour sanitizers), clang (warnings are
# errors), fuzz (libFuzzer).  Each has a folder of its own.
MODE ?= release
PREFIX ?= /usr/local
sysconfdir ?= /etc
DESTDIR ?=
# Turn warnings into errors with WERROR=-Werror; all test builds do.
WERROR ?=

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

# ---------------------------------------------------------------- rooms and their files

ROOMS := base wire conf host board pool report master serve ctl

# $(call room,ROOM,FILES)
room = $(patsubst %,src/$(1)/%.c,$(2))

base_SRC := $(call room,base, \
	access_format bytes clock descriptor error journald line log number pace settings sink spool state state_fields text)
wire_SRC := $(call room,wire, \
	client environ environ_denied environ_script field judge params reader record response \
	slots status)
conf_SRC := $(call room,conf, \
	check check_sizing check_slow complaint conf default draft dump endpoint expand files list load native prepare \
	reading schema signal statement syntax value)
host_SRC := $(call room,host, \
	address append capability channel client_block elf errand handover herald identity inherit inherited meter peer peers probe probe_call process \
	process_daemon process_end process_pid queue queue_age reach socket socket_adopt socket_dial socket_inode socket_path spawn \
	spawn_caps spawn_child successor survey unix_diag)
board_SRC := $(call room,board, \
	board board_inherit doorbell mapping request sequence slot snapshot)
pool_SRC := $(call room,pool, \
	change check emergency feed frozen frozen_fields frozen_take gang gang_burial gang_card gang_change gang_count gang_freeze gang_hearing gang_lines gang_logs gang_native gang_queue gang_say gang_settle gang_slow gang_stock gang_thaw lifecycle logs \
	output native overload plan plan_slow policy ports recycle throttle verdict window worker)
report_SRC := $(call room,report, \
	accept field field_pool field_worker html html_cells json openmetrics pen query rate ratchet ready report rows scan summary text)
master_SRC := $(call room,master, \
	birth control control_link crew crew_count crew_measure crew_orders crew_place crew_progress crew_retry crew_thaw inspect journal keep loop master master_adopt master_duty master_orders master_reload master_upgrade notify orders pid_files reap receive runtime_folder signals voice \
	upgrade upgrade_state watch_table)
serve_SRC := $(call room,serve, \
	access access_line arrival body brief connection crowd diagnostics holdback intake launch ledger listener options orders output \
	patience program request script shed slow slow_examine slow_hook slow_native slow_text status status_own strangers streams verdict worker)
ctl_SRC := $(call room,ctl, \
	argument bench bench_options exchange head histogram load load_link order place proxy proxy_apache proxy_caddy proxy_config proxy_haproxy proxy_lighttpd proxy_nginx request request_options source status table tally tally_print timing trace variables \
	cells columns figures interrupts sampler top top_columns top_columns_order top_head top_help top_model top_paint top_screen top_screen_draw top_view \
	status_watch)
# The preloaded library, outside of the floors.
shim_SRC := $(call room,shim, \
	accept close count drain hold marks next process shim signals sleep wait)

$(foreach file,$(filter-out $(foreach r,$(ROOMS) shim,$($(r)_SRC)),$(wildcard src/*/*.c)),\
	$(warning $(file) is in no list of the Makefile: add it to its room's))

# The rooms that a unit test of a room is linked with, highest first, and those of each program.
base_ROOMS := base
wire_ROOMS := wire base
conf_ROOMS := conf base
host_ROOMS := host base
board_ROOMS := board base
pool_ROOMS := pool board host conf base
report_ROOMS := report board base
master_ROOMS := master pool board host conf base
serve_ROOMS := serve report board host wire base
ctl_ROOMS := ctl report board host conf wire base

ganger_ROOMS := $(master_ROOMS)
ganger-worker_ROOMS := $(serve_ROOMS)
gangerctl_ROOMS := $(ctl_ROOMS)

# The libraries each room stands on (pkg-config names).
conf_PKG := libconfuse
host_PKG := libcap
report_PKG := jansson
master_PKG := libsystemd
serve_PKG := libsystemd
ctl_PKG := libsystemd ncursesw

PROGRAMS := $(foreach p,ganger ganger-worker gangerctl,$(if $(wildcard src/$(p).c),$(p)))
UNIT := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c)))
FUZZ_ROOMS := master pool report board host conf wire base

# ---------------------------------------------------------------- flags

PKG_CONFIG ?= pkg-config
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla

ifeq ($(origin CC),default)
CC := gcc
endif

ifeq ($(MODE),release)
CFLAGS ?= -O2 -g
MODE_CPPFLAGS := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
MODE_CFLAGS := -fstack-protector-strong
else ifeq ($(MODE),asan)
CFLAGS ?= -O1 -g
MODE_CFLAGS := -Werror -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
else ifeq ($(MODE),clang)
CC := clang
CFLAGS ?= -O2 -g
MODE_CPPFLAGS := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
MODE_CFLAGS := -Werror -fstack-protector-strong
else ifeq ($(MODE),fuzz)
CC := clang
CFLAGS ?= -O1 -g
MODE_CFLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
else
$(error MODE is one of release, asan, clang, fuzz)
endif

ALL_CPPFLAGS = -Isrc -D_GNU_SOURCE= -DGANGER_VERSION='"$(VERSION)"' $(MODE_CPPFLAGS) $(CPPFLAGS)
ALL_CFLAGS = -std=gnu17 -fPIE $(WARNINGS) $(WERROR) $(CFLAGS) $(MODE_CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

# $(call libs,ROOM…): what the linker needs for these rooms.
packages = $(sort $(foreach r,$(1),$($(r)_PKG)))
libs = $(if $(call packages,$(1)),$(shell $(PKG_CONFIG) --libs $(call packages,$(1))))
archives = $(foreach r,$(1),$(BUILD)/lib/lib$(r).a)

# `make V=1` shows the commands.
V ?= 0
quiet = $(if $(filter 0,$(V)),@printf '  %-4s %s\n' $(1) $(2);)

# ---------------------------------------------------------------- programs

.PHONY: all help
all: $(call archives,$(ROOMS)) $(PROGRAMS:%=$(BUILD)/%) $(BUILD)/libganger-shim.so

# Objects are made anew when the compiler or its flags change.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','"'"',$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS))' | cmp -s - $@ || \
		echo '$(subst ','"'"',$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS))' > $@

.PHONY: FORCE
FORCE:

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
# What each object was made from, headers too.
-include $(wildcard $(BUILD)/obj/src/*.d $(BUILD)/obj/*/*/*.d $(BUILD)/obj/made/*.d)

# The status page's style and scripts become a part of the program.
PAGE := src/report/page/headers src/report/page/page.css \
	$(patsubst %,src/report/page/%.js,text model draw detail table alarms page)
report_MADE := $(BUILD)/obj/made/assets.o
$(BUILD)/made/assets.c: $(PAGE) scripts/embed Makefile
	@mkdir -p $(@D)
	$(call quiet,MAKE,$@)scripts/embed $(PAGE) > $@
$(BUILD)/obj/made/%.o: $(BUILD)/made/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# One library for each room; it is written anew, so that a file that is gone leaves it.
define room_rules
$(BUILD)/lib/lib$(1).a: $$($(1)_SRC:%.c=$(BUILD)/obj/%.o) $$($(1)_MADE)
	@mkdir -p $$(@D) && rm -f $$@
	$$(call quiet,AR,$$@)ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))

define program_rules
$(BUILD)/$(1): $(BUILD)/obj/src/$(1).o $(call archives,$($(1)_ROOMS))
	$$(call quiet,LD,$$@)$$(CC) $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -o $$@ $$^ $$(call libs,$($(1)_ROOMS))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$(p))))

# The library goes into other people's programs: it is never built with the address sanitizer, whose
# runtime those programs lack; a wrong shift or overflow traps instead.  _FORTIFY_SOURCE would have it
# call wrappers of what it wraps itself.
SHIM_CFLAGS = -std=gnu17 -fPIC -fvisibility=hidden -ftls-model=initial-exec $(WARNINGS) $(WERROR) \
	$(filter-out -O%,$(CFLAGS)) -O2 -U_FORTIFY_SOURCE
ifeq ($(MODE),asan)
SHIM_CFLAGS += -Werror -fsanitize=undefined -fsanitize-undefined-trap-on-error
else ifeq ($(MODE),clang)
SHIM_CFLAGS += -Werror
endif

$(BUILD)/obj/src/shim/%.o: src/shim/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(CC) -Isrc -D_GNU_SOURCE= $(CPPFLAGS) $(SHIM_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libganger-shim.so: $(shim_SRC:%.c=$(BUILD)/obj/%.o)
	$(call quiet,LD,$@)$(CC) -shared $(SHIM_CFLAGS) -Wl,-soname,libganger-shim.so \
		-Wl,-z,relro,-z,now,-z,defs,-z,nodelete -Wl,--as-needed $(LDFLAGS) -o $@ $^

# ---------------------------------------------------------------- unit tests and fuzzing

# tests/unit/ROOM-FILE.c, linked with that room and those below it.
define unit_rules
$(BUILD)/unit/$(1): $(BUILD)/obj/tests/unit/$(1).o \
		$(call archives,$($(firstword $(subst -, ,$(1)))_ROOMS))
	@mkdir -p $$(@D)
	$$(call quiet,LD,$$@)$$(CC) $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -o $$@ $$^ \
		$$(call libs,$($(firstword $(subst -, ,$(1)))_ROOMS)) -lcmocka
endef
$(foreach t,$(UNIT),$(eval $(call unit_rules,$(t))))

.PHONY: unit-build unit
unit-build: $(UNIT:%=$(BUILD)/unit/%)
unit: unit-build
	@scripts/run-unit $(UNIT:%=$(BUILD)/unit/%)

define fuzz_rules
$(BUILD)/fuzz/$(1): $(BUILD)/obj/tests/fuzz/$(1).o $(call archives,$(FUZZ_ROOMS))
	@mkdir -p $$(@D)
	$$(call quiet,LD,$$@)$$(CC) $$(ALL_CFLAGS) -fsanitize=fuzzer $$(ALL_LDFLAGS) -o $$@ $$^ $$(call libs,$(FUZZ_ROOMS))
endef
ifeq ($(MODE),fuzz)
$(foreach t,$(FUZZ),$(eval $(call fuzz_rules,$(t))))
.PHONY: fuzz-build
fuzz-build: $(FUZZ:%=$(BUILD)/fuzz/%)
endif

.PHONY: asan clang fuzz
asan:
	$(MAKE) MODE=asan BUILD=$(BUILD)/asan all
clang:
	$(MAKE) MODE=clang BUILD=$(BUILD)/clang all unit-build
ifneq ($(MODE),fuzz)
fuzz:
	$(MAKE) MODE=fuzz BUILD=$(BUILD)/fuzz fuzz-build
endif


# ---------------------------------------------------------------- the checks

# Kept apart from the rest: what runs under valgrind takes long, and these prove nothing there.
# valgrind 3.19 knows no pidfds and no close_range, and runs one thread at a time.
VALGRIND_SKIP := host-inherit host-probe host-process host-socket_race host-spawn host-spawn_exec host-spawn_fail \
	host-successor master-reap pool-gang% pool-policy_history

C_FILES := $(sort $(wildcard src/*.[ch] src/*/*.[ch] tests/unit/*.[ch] tests/fuzz/*.[ch] \
	tests/tools/*.[ch]))
TIDY := $(sort $(wildcard src/*.c src/*/*.c))
SHELL_FILES := scripts/completion/gangerctl.bash .ci/run scripts/bootstrap scripts/check scripts/embed scripts/run-fuzz scripts/run-unit \
	$(wildcard demo/cgi-bin/*.sh)

.PHONY: unit-valgrind fuzz-run tidy format format-check rooms man-lint shell-lint

unit-valgrind: unit-build
	@scripts/run-unit --valgrind $(filter-out $(VALGRIND_SKIP:%=$(BUILD)/unit/%),\
		$(UNIT:%=$(BUILD)/unit/%))

fuzz-run: fuzz
	scripts/run-fuzz $(BUILD)/fuzz/fuzz $(FUZZ)

tidy: $(TIDY:%=$(BUILD)/tidy/%.ok)
	@echo "tidy: $(words $^) files, 0 complaints"

$(BUILD)/tidy/%.ok: % .clang-tidy $(wildcard src/*/*.h)
	@mkdir -p $(@D)
	$(call quiet,TIDY,$<)clang-tidy --quiet $< -- -std=gnu17 $(ALL_CPPFLAGS) >$@.log 2>&1 || \
		{ cat $@.log; exit 1; }
	@touch $@

format:
	clang-format -i $(C_FILES)
format-check:
	@clang-format --dry-run -Werror $(C_FILES)
	@echo "format: $(words $(C_FILES)) files"

rooms: all
	scripts/check-rooms --source src --build $(BUILD)

man-lint:
	mandoc -Tlint -W warning $(wildcard man/*.[1-9])
	@echo "man: $(words $(wildcard man/*.[1-9])) pages"

shell-lint:
	@shellcheck $(SHELL_FILES)
	@echo "shell: $(words $(SHELL_FILES)) scripts"

# Everything, from a fresh clone, in under ten minutes on two processors.  LONG=1 runs the long forms of
# the tests, GANGER_BUILD=DIR the flow tests on another build, PYTEST='-k NAME' some of them.
.PHONY: check
check:
	@MAKE=$(MAKE) BUILD=$(BUILD) scripts/check $(PYTEST)

.PHONY: demo bench
demo:
	scripts/demo
bench:
	scripts/bootstrap bench
	$(MAKE) all
	BUILD=$(BUILD) scripts/bench $(or $(BENCH),cgi)

# ---------------------------------------------------------------- installation

SBINDIR := $(DESTDIR)$(PREFIX)/sbin
BINDIR := $(DESTDIR)$(PREFIX)/bin
LIBDIR := $(DESTDIR)$(PREFIX)/lib/ganger
CONFDIR := $(DESTDIR)$(sysconfdir)/ganger
MANDIR := $(DESTDIR)$(PREFIX)/share/man
DOCDIR := $(DESTDIR)$(PREFIX)/share/doc/ganger
BASHDIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
SAMPLES := $(sort $(wildcard pools.d/*.conf))
# What watches ganger from elsewhere.
MONITORING := scripts/grafana-dashboard.json scripts/prometheus-alerts.yml
# What a slowlog.command may use.
HOOKS := scripts/perl-where.py
MANUALS := $(sort $(wildcard man/*.[1-9]))
# Where systemd looks for units that came with a package, or with /usr/local.
ifeq ($(PREFIX),/usr)
systemdsystemunitdir ?= $(or $(shell $(PKG_CONFIG) --variable=systemdsystemunitdir systemd 2>/dev/null),\
	/usr/lib/systemd/system)
else
systemdsystemunitdir ?= $(PREFIX)/lib/systemd/system
endif
UNITDIR := $(DESTDIR)$(systemdsystemunitdir)
TMPFILESDIR := $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
LOGROTATEDIR := $(DESTDIR)$(sysconfdir)/logrotate.d
# What depends on where the rest lies.
PLACES = sed -e 's|@sbindir@|$(PREFIX)/sbin|' -e 's|@bindir@|$(PREFIX)/bin|' \
	-e 's|@sysconfdir@|$(sysconfdir)|'

.PHONY: install uninstall
install: all
	install -D -m 755 $(BUILD)/ganger $(SBINDIR)/ganger
	install -D -m 755 $(BUILD)/gangerctl $(BINDIR)/gangerctl
	install -D -m 755 $(BUILD)/ganger-worker $(LIBDIR)/ganger-worker
	install -D -m 644 $(BUILD)/libganger-shim.so $(LIBDIR)/libganger-shim.so
	install -D -m 644 scripts/completion/gangerctl.bash $(BASHDIR)/gangerctl
	install -D -m 644 scripts/completion/_gangerctl $(ZSHDIR)/_gangerctl
	install -d $(DOCDIR)/pools.d
	install -m 644 README.md CHANGELOG.md LICENSE man/ganger-status.schema.json $(MONITORING) \
		$(HOOKS) $(DOCDIR)
	install -m 644 $(SAMPLES) $(DOCDIR)/pools.d
	set -e; for page in $(MANUALS); do \
		install -D -m 644 $$page $(MANDIR)/man$${page##*.}/$${page##*/}; done
	install -d $(UNITDIR) $(LOGROTATEDIR)
	$(PLACES) systemd/ganger.service.in > $(UNITDIR)/ganger.service
	chmod 644 $(UNITDIR)/ganger.service
	install -D -m 644 systemd/ganger.tmpfiles $(TMPFILESDIR)/ganger.conf
	install -d $(DOCDIR)/systemd
	install -m 644 systemd/README.md systemd/ganger.socket.example systemd/strict.conf.example \
		$(DOCDIR)/systemd
	test -e $(LOGROTATEDIR)/ganger || { \
		$(PLACES) systemd/ganger.logrotate.in > $(LOGROTATEDIR)/ganger && \
		chmod 644 $(LOGROTATEDIR)/ganger; }
# A configuration that is there is never touched; uninstall leaves it, too.
	install -d $(CONFDIR)/pools.d
	test -e $(CONFDIR)/ganger.conf || install -m 644 etc/ganger.conf $(CONFDIR)/ganger.conf

uninstall:
	rm -f $(SBINDIR)/ganger $(BINDIR)/gangerctl $(LIBDIR)/ganger-worker \
		$(LIBDIR)/libganger-shim.so
	rm -f $(BASHDIR)/gangerctl $(ZSHDIR)/_gangerctl
	rm -f $(foreach page,$(MANUALS),$(MANDIR)/man$(patsubst .%,%,$(suffix $(page)))/$(notdir $(page)))
	rm -f $(UNITDIR)/ganger.service $(TMPFILESDIR)/ganger.conf
	rm -rf $(DOCDIR)
	rmdir --ignore-fail-on-non-empty $(LIBDIR) || true

.PHONY: clean
clean:
	rm -rf $(BUILD)

help:
	@echo 'make            the programs, in $(BUILD)/'
	@echo 'make demo       git, cgit and CGI scripts behind nginx on http://127.0.0.1:8080/'
	@echo 'make check      everything that is tested'
	@echo 'make install    PREFIX=$(PREFIX) sysconfdir=$(sysconfdir) DESTDIR=$(DESTDIR)'
	@echo 'make uninstall clean bench format'
	@echo 'parts of check: asan clang fuzz fuzz-run unit unit-valgrind rooms tidy format-check'
	@echo '                man-lint shell-lint'
