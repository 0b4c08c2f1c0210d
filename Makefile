# ownscope - ownership of memory and locks in programs that nobody rebuilt
#
#   make                 build/ownscope build/libownscope.so build/ownscope-preload
#   make demo            install what is missing, build, trace a real program
#   make check           install what is missing, build, pass the tests
#   make torture fuzz bench bench-instructions    the long ones, apart
#   make install PREFIX=/usr DESTDIR=…   make uninstall   make clean
#   make SAN=address,undefined …         the same under build/address+undefined
#   make V=1 …       shows the commands

CC       ?= gcc
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
VERSION  := 0.1.0
comma    := ,
B        := build$(if $(SAN),/$(subst $(comma),+,$(SAN)))
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)

LIBDIR   := $(PREFIX)/lib/ownscope
WARN     := -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter
DEPS     := -MMD -MP
DEFS     := -D_GNU_SOURCE -DOWNSCOPE_VERSION='"$(VERSION)"' -DOWNSCOPE_LIBDIR='"$(LIBDIR)"'
LIBS     := -lurcu-bp -lurcu-common -ljansson -ldw -lelf -liberty -lzstd -lxxhash -lncursesw -ltinfo -lunwind-ptrace -lunwind-generic -lunwind -llzma -lmicrohttpd -lsqlite3 -ledit -lpthread -lm

Q        := $(if $(V),,@)

COLLECTOR_C := $(wildcard collector/*/*.c)
COLLECTOR_O := $(COLLECTOR_C:%.c=$(B)/%.o)
ROOMS_O     := $(filter-out $(B)/collector/cli/main.o,$(COLLECTOR_O))
PRELOAD_C   := $(wildcard preload/*.c)
PRELOAD_O   := $(PRELOAD_C:%.c=$(B)/%.o)
UNIT_C      := $(wildcard tests/unit/test_*.c)
UNIT        := $(UNIT_C:tests/unit/%.c=$(B)/tests/unit/%)
VICTIMS     := $(patsubst tests/victims/%.c,$(B)/tests/victims/%,$(wildcard tests/victims/*.c)) \
               $(patsubst tests/victims/%.cc,$(B)/tests/victims/%,$(wildcard tests/victims/*.cc))

all: $(B)/ownscope $(B)/libownscope.so $(B)/ownscope-preload
.PHONY: all check check-unit check-e2e demo setup setup-check torture sanitize fuzz bench bench-programs bench-instructions install uninstall clean victims unit

# ---- the collector: one program ---------------------------------------------
$(B)/ownscope: $(COLLECTOR_O)
	@echo "  LD  $@"
	$(Q)$(CC) $(CFLAGS) $(SAN_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/collector/%.o: collector/%.c
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(WARN) $(SAN_FLAGS) $(DEPS) $(DEFS) -I. -Icollector -c -o $@ $<

# Has that file in itself.
$(B)/collector/export/suppressions_default.o: collector/export/default.supp

# ---- the shim: no sanitizer, no libc start files of its own, nothing exported
# but the table of hooks (preload/hooks.def) ------------------------------------
PRELOAD_FLAGS := -fPIC -ftls-model=initial-exec -fvisibility=hidden -fno-omit-frame-pointer \
                 -fno-optimize-sibling-calls -fno-builtin -fasynchronous-unwind-tables -fno-stack-protector -U_FORTIFY_SOURCE \
                 -include preload/plain.h
# What is passed on by a jump leaves no frame behind, however the rest is compiled.
PRELOAD_hooks_copy := -O2 -foptimize-sibling-calls -fomit-frame-pointer -DPLAIN_SPARED
PRELOAD_hooks_heap := -O2 -foptimize-sibling-calls -fomit-frame-pointer
PRELOAD_hooks_cxx := -O2 -foptimize-sibling-calls -fomit-frame-pointer
PRELOAD_doors_lock := -O2 -foptimize-sibling-calls -fomit-frame-pointer
PRELOAD_hooks_futex := -O2 -foptimize-sibling-calls
PRELOAD_heap_sampled := -O2 -foptimize-sibling-calls
$(B)/libownscope.so: $(PRELOAD_O) $(B)/exports.map
	@echo "  LD  $@"
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,libownscope.so -Wl,--version-script=$(B)/exports.map \
	  -Wl,-z,defs -Wl,-z,now -Wl,-z,nodelete $(LDFLAGS) -o $@ $(PRELOAD_O)

# Nothing else is visible. Names of two versions stand under theirs (.symver), where the libc has two; the
# others have none, so that they serve references to any version.
$(B)/exports.map: preload/hooks.def Makefile
	@mkdir -p $(@D)
	$(Q)case $$($(CC) -dumpmachine) in \
	x86_64-*) sed -n 's/^TWICE(.*, \(.*\), \(.*\))$$/\1 { local: *_hook; };\n\2 { local: *_hook_then; };/p' $< | sort -u ;; \
	*) echo '{ global:'; sed -n 's/^[A-Z]*(\([^,]*\).*)$$/\1;/p' $<; echo 'local: *; };' ;; \
	esac >$@

$(B)/preload/%.o: preload/%.c
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(WARN) $(PRELOAD_FLAGS) $(PRELOAD_$(*F)) $(DEPS) $(DEFS) -I. -c -o $@ $<

$(B)/ownscope-preload: scripts/ownscope-preload
	@mkdir -p $(@D)
	$(Q)install -m 755 $< $@

# ---- tests --------------------------------------------------------------------
# Unit tests link what they use of the rooms, and of the shim its unwinder. They themselves need not be fast:
# to optimize them more takes longer than it saves.
UNIT_OPT := -O1
# What is to be lost must lie in no frame of its own either.
$(B)/tests/unit/test_heap_roots: UNIT_OPT :=
TESTED_A := $(B)/tests/tested.a
TESTED_O := $(ROOMS_O) $(patsubst %.c,$(B)/%.o,$(wildcard preload/unwind*.c preload/rules*.c) \
               $(addprefix preload/,arena.c program_headers.c plain.c filter.c follow.c sample.c))

unit: $(UNIT)
$(TESTED_A): $(TESTED_O)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/tests/unit/%: tests/unit/%.c $(TESTED_A)
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(CC) $(CFLAGS) $(UNIT_OPT) $(CPPFLAGS) $(WARN) $(SAN_FLAGS) $(DEPS) $(DEFS) -I. -Icollector -Itests/unit -include tests/unit/marks.h -o $@ $< \
	  $(TESTED_A) $$(sed -n 's/^.*LINK: *\(.*\) \*\/.*$$/\1/p' $<) $(LIBS) $$(pkg-config --libs check) -lm

# Holds the state at any moment against a replay from the start.
MOMENTS := $(B)/tests/moments/moments
$(MOMENTS): tests/moments/moments.c $(TESTED_A)
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(WARN) $(SAN_FLAGS) $(DEPS) $(DEFS) -I. -Icollector -o $@ $< $(TESTED_A) $(LIBS)

# Folds real traces.
$(B)/tests/archive/%: tests/archive/%.c $(TESTED_A)
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(CC) $(CFLAGS) $(CPPFLAGS) $(WARN) $(SAN_FLAGS) $(DEPS) $(DEFS) -I. -Icollector -o $@ $< $(TESTED_A) $(LIBS)

# Runs victims under the shim.
$(B)/tests/unit/test_holds: | $(B)/libownscope.so $(addprefix $(B)/tests/victims/,exit_ways image_unseen marks)
$(B)/tests/unit/test_gate_flips: | $(B)/libownscope.so $(B)/tests/victims/gate_hammer

# What is traced knows nothing of the tool and is built plainly.
VICTIM_FLAGS := -O1 -g -fno-builtin -Wall -D_GNU_SOURCE
victims: $(VICTIMS) $(B)/tests/counter/libcounter.so $(B)/tests/archive/archive_trace \
         $(addprefix $(B)/tests/victims/,static/hello lib/plugin.so lib/other.so lib/cxx.so lib/static.so lib/waits.so lib/leaky.so)
$(B)/tests/victims/leak_%: VICTIM_FLAGS += -O0
$(B)/tests/victims/lib/leaky.so: VICTIM_FLAGS += -O0
$(B)/tests/victims/%: tests/victims/%.c
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(CC) $(VICTIM_FLAGS) $(DEPS) -o $@ $< -lpthread -ldl
$(B)/tests/victims/static/%: tests/victims/static/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(VICTIM_FLAGS) -static -o $@ $<
$(B)/tests/victims/lib/%.so: tests/victims/lib/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(VICTIM_FLAGS) -shared -fPIC -o $@ $<
$(B)/tests/victims/lib/%.so: tests/victims/lib/%.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(VICTIM_FLAGS) -std=c++17 -shared -fPIC -o $@ $<
$(B)/tests/counter/libcounter.so: tests/counter/counter.c
	@mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -Wall -D_GNU_SOURCE -fno-builtin -ftls-model=initial-exec -shared -fPIC -o $@ $< -ldl
$(B)/tests/victims/%: tests/victims/%.cc
	@mkdir -p $(@D)
	@echo "  CXX $<"
	$(Q)$(CXX) $(VICTIM_FLAGS) -std=c++17 $(DEPS) -o $@ $< -lpthread -ldl

# Unit tests, then everything from outside on real programs. What they need is built first and at once, on all
# processors unless make was told otherwise.
check: setup-check
	$(MAKE) $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) all bench-programs unit victims $(MOMENTS)
	$(MAKE) check-unit
	$(MAKE) check-e2e

check-unit: $(UNIT)
	@tests/unit/run.sh $(UNIT)

check-e2e: all victims $(MOMENTS)
	@tests/e2e/run.sh

# What takes longer: the same faults many more times; sanitized builds; fuzzers.
torture: setup-check all victims $(MOMENTS)
	TORTURE=1 tests/e2e/run.sh

sanitize: setup-check
	UNIT_LIMIT=600 $(MAKE) SAN=address,undefined check-unit
	$(MAKE) SAN=thread all victims build/thread/tests/unit/test_ring build/thread/tests/unit/test_collector build/thread/tests/unit/test_snapshots build/thread/tests/unit/test_gate
	build/thread/tests/unit/test_ring && build/thread/tests/unit/test_collector && build/thread/tests/unit/test_snapshots && build/thread/tests/unit/test_gate
	TSAN_OPTIONS=exitcode=66 B=build/thread tests/e2e/run.sh live locks
	$(MAKE) SAN=address,undefined all victims
	ASAN_OPTIONS=detect_leaks=0 B=build/address+undefined tests/e2e/run.sh victims kill refusals live locks schema

FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz: $(FUZZERS)
	@for f in $^; do echo "== $$f"; mkdir -p $$f.corpus; $$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=0 -verbosity=0 $$f.corpus $$(ls -d tests/fuzz/$${f##*/}.seeds 2>/dev/null) || exit 1; done

build/fuzz/%: tests/fuzz/%.c $(filter-out collector/cli/main.c,$(COLLECTOR_C))
	@mkdir -p $(@D)
	clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(WARN) $(DEFS) -I. -Icollector -o $@ $^ $(LIBS)

# ---- set-up, demo, bench --------------------------------------------------------
setup:
	@scripts/setup.sh build
setup-check:
	@scripts/setup.sh check

demo: setup
	$(MAKE) all
	@scripts/demo.sh

# What bench/ measures with. `make check` compiles them too, so that they keep up.
BENCH_PROGRAMS := $(patsubst %.c,build/%,$(wildcard bench/*.c))
build/bench/micro: BENCH_FLAGS := -fno-builtin -fno-omit-frame-pointer
build/bench/rcu: BENCH_FLAGS := -falign-loops=64
build/bench/rcu: BENCH_LIBS := -lurcu-bp -lurcu-memb -lurcu-mb -lurcu-qsbr -lurcu-common
# These measure the collector's own rooms.
BENCH_ROOMS := build/bench/heap_tree build/bench/heap_scan build/bench/snapshot_pause build/bench/trace_snapshot
$(BENCH_ROOMS): BENCH_FLAGS := -D_GNU_SOURCE -Icollector
$(BENCH_ROOMS): BENCH_LIBS = $(TESTED_A) $(LIBS)
$(BENCH_ROOMS): $(TESTED_A)
bench-programs: $(BENCH_PROGRAMS)
build/bench/%: bench/%.c
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(CC) -O2 $(WARN) $(DEPS) -I. $(BENCH_FLAGS) -o $@ $< $(BENCH_LIBS) -lpthread

# About twelve minutes. Peers are measured where they are installed (heaptrack, lttng-tools).
# BENCH="--only sqlite3 --no-write" and the like.
ROUNDS ?= 5
bench: setup-check all
	bench/run.sh --rounds $(ROUNDS) $(BENCH)

# Fails when a hook executes more instructions than bench/instructions.txt allows;
# UPDATE=1 rewrites that.
bench-instructions: setup-check all
	@bench/run.sh --instructions

# ---- install: one list, both ways -------------------------------------------------
BIN   := $(DESTDIR)$(PREFIX)/bin
INCL  := $(DESTDIR)$(PREFIX)/include
MAN   := $(DESTDIR)$(PREFIX)/share/man
SHARE := $(DESTDIR)$(PREFIX)/share/ownscope
COMP  := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
PAGES := $(wildcard man/*.[1357])

install: all
	install -d $(BIN) $(INCL) $(DESTDIR)$(LIBDIR) $(COMP) $(SHARE)/schema $(MAN)/man1 $(MAN)/man3 $(MAN)/man5 $(MAN)/man7
	install -m 755 $(B)/ownscope $(B)/ownscope-preload $(BIN)
	install -m 644 $(B)/libownscope.so $(DESTDIR)$(LIBDIR)
	install -m 644 include/ownscope.h $(INCL)
	install -m 644 scripts/ownscope-completion.bash $(COMP)/ownscope
	install -m 644 collector/export/schema/*.json $(SHARE)/schema
	install -m 644 collector/export/default.supp $(SHARE)
	for p in $(PAGES); do install -m 644 $$p $(MAN)/man$${p##*.} || exit 1; done

uninstall:
	rm -f $(BIN)/ownscope $(BIN)/ownscope-preload $(INCL)/ownscope.h $(DESTDIR)$(LIBDIR)/libownscope.so $(COMP)/ownscope
	rm -rf $(SHARE)/schema $(SHARE)/default.supp
	for p in $(notdir $(PAGES)); do rm -f $(MAN)/man$${p##*.}/$$p; done
	-rmdir $(DESTDIR)$(LIBDIR) $(SHARE) 2>/dev/null

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
