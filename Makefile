# Stratos: one Makefile, read top to bottom.  `make help` lists what it can do.
#
# BUILD picks the flavour, each with its own build/<kind>/: release (one static binary), debug,
# asan (address and undefined behaviour), tsan, cov, fuzz (clang).
CHECK_BUILD := $(or $(BUILD),debug)
BUILD ?= release
ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
override BUILD := fuzz
override CC    := clang-14
endif
OUT   := build/$(BUILD)

# ---------------------------------------------------------------- what Debian 12 must have
LIBRARIES := libuv1-dev libprotobuf-c-dev libsodium-dev libmsgpack-dev librocksdb-dev libyaml-dev libjansson-dev \
        libc-ares-dev libseccomp-dev libcap-dev libxxhash-dev uthash-dev libcriterion-dev \
        libsnappy-dev liblz4-dev libzstd-dev libbz2-dev zlib1g-dev
DEPS := build-essential pkg-config git ca-certificates protobuf-c-compiler protobuf-compiler $(LIBRARIES) node-llhttp musl-tools \
        binutils python3 curl bind9-dnsutils iproute2 nftables procps $(if $(filter fuzz,$(MAKECMDGOALS)),clang-14) $(if $(filter cov,$(MAKECMDGOALS)),gcovr) \
        $(if $(filter arm64 nightly,$(MAKECMDGOALS)),gcc-aarch64-linux-gnu g++-aarch64-linux-gnu qemu-user)

# ---------------------------------------------------------------- compiler and flags
STRIP ?= strip
ifeq ($(origin CC),default)
CC       := gcc
endif
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 \
            -Wswitch-enum -Wimplicit-fallthrough -Wvla -Wnull-dereference
WERROR   ?= $(if $(CI),-Werror)
ifeq ($(BUILD),fuzz)
WARN     := -w
endif
VERSION  := $(shell cat VERSION)
comma := ,
FLAGS_release := -O2 -fPIE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
                 -ftrivial-auto-var-init=zero -ffunction-sections -fdata-sections
FLAGS_debug   := -O0
FLAGS_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan    := -O1 -fsanitize=thread
FLAGS_cov     := -O0 --coverage
FLAGS_fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
$(if $(FLAGS_$(BUILD)),,$(error BUILD=$(BUILD): want release, debug, asan, tsan, cov or fuzz))
# CPPFLAGS, CFLAGS and LDFLAGS are the packager's, and come behind ours.  Paths of this machine are left out,
# so that the same sources give the same bytes wherever they lie.
CPP_FLAGS := -I. -I$(OUT)/gen -D_GNU_SOURCE -DSTRATOS_VERSION='"$(VERSION)"' $(CPPFLAGS)
C_FLAGS   := -std=gnu17 -g -pipe -fno-omit-frame-pointer -ffile-prefix-map=$(CURDIR)=. $(FLAGS_$(BUILD)) $(CFLAGS)
RELR     := $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-z$(comma)pack-relative-relocs$(comma))
LDFLAGS_release := -static-pie -Wl,-z,now,-z,relro,$(RELR)-z,separate-code -Wl,--gc-sections \
                   -Wl,-T,core/layout.ld $(if $(WERROR),-Wl$(comma)--fatal-warnings)
LD_FLAGS := $(FLAGS_$(BUILD)) $(LDFLAGS_$(BUILD)) $(LDFLAGS)
SHIM_LDFLAGS := $(if $(filter release,$(BUILD)),-static -Wl$(comma)--gc-sections)
MUSL := $(if $(filter release,$(BUILD)),$(if $(filter gcc,$(CC)),$(shell command -v musl-gcc)))
MUSL_CPPFLAGS := $(patsubst %,-idirafter /usr/include%,/$(shell $(CC) -print-multiarch) /) # the kernel's

LIBS_static  := -lrocksdb -luv_a -lsodium -lmsgpackc -lprotobuf-c -lcares -lyaml -ljansson -lcap \
                -lsnappy -llz4 -lzstd -lbz2 -lz -lxxhash -lstdc++ -lpthread -ldl -lm
LIBS_dynamic := -lrocksdb -luv -lsodium -lmsgpackc -lprotobuf-c -lcares -lyaml -ljansson -lcap -lzstd -lxxhash -lpthread -lm
LIBS := $(if $(filter release,$(BUILD)),$(LIBS_static),$(LIBS_dynamic))

# ---------------------------------------------------------------- sources: one folder is one floor, in some with wings
FLOORS := core proto isolate gossip sched netsvc agent cli
# Programs of their own: the agent and the commands, a task's shim, and one that runs while this is built.
PROGRAM_SRC := cli/main.c isolate/shim_program.c isolate/seccomp_compile.c
SRC    := $(filter-out $(PROGRAM_SRC),$(wildcard $(FLOORS:%=%/*.c) $(FLOORS:%=%/*/*.c)))
OBJ    := $(SRC:%.c=$(OUT)/%.o)
GEN    := $(OUT)/gen/stratos.pb-c
LLHTTP := $(patsubst /usr/share/llhttp/%.c,$(OUT)/llhttp/%.o,$(wildcard /usr/share/llhttp/*.c))
LIB    := $(OUT)/libstratos.a
BIN    := $(OUT)/stratos
SHIM   := $(OUT)/shim
SHIM_SRC := $(patsubst %,core/%.c,arena bytes dump err exit hash rlimits utf8) \
            $(patsubst %,isolate/%.c,cgroup cgroup_aside child control files landlock log_file log_line log_runs \
            mounts places privilege record rlimits run sandbox shim shim_child shim_end shim_file shim_old shim_output \
            shim_program shim_tlv shim_value task_env token_file users)
SHIM_OUT := $(OUT)$(if $(MUSL),/musl)
SHIM_CC  := $(or $(MUSL),$(CC))
FILTER := $(OUT)/gen/isolate/syscall_filter.h

.PHONY: all
all: $(BIN)

# The static binary brings its own, empty, user and service databases; its symbols stay beside it.
$(BIN): $(OUT)/cli/main.o $(if $(filter release,$(BUILD)),$(OUT)/core/no_nss.o core/layout.ld) $(LIB)
	@echo "LINK  $@"
	@$(CC) $(LD_FLAGS) -o $@ $(filter-out %.ld,$^) $(LIBS)
	$(if $(filter release,$(BUILD)),@mv $@ $@.symbols && $(STRIP) -s -o $@ $@.symbols)

$(LIB): $(OBJ) $(GEN).o $(LLHTTP)
	@rm -f $@ && ar qcs $@ $^

# A task's shim, which the agent carries and runs from memory: no store, no network, no loop in it.  Every
# task bears its weight, and nearly all of that is the C library's: a release takes musl where it is there.
$(SHIM): $(SHIM_SRC:%.c=$(SHIM_OUT)/%.o)
	@echo "LINK  $@"
	@$(SHIM_CC) $(FLAGS_$(BUILD)) $(SHIM_LDFLAGS) -o $@ $^
	$(if $(filter release,$(BUILD)),@$(STRIP) -s $@)
$(OUT)/musl/%.o: %.c
	@mkdir -p $(@D)
	@echo "MUSL  $<"
	@$(MUSL) $(CPP_FLAGS) $(MUSL_CPPFLAGS) $(C_FLAGS) -Os $(WARN) $(WERROR) -MMD -MP -c -o $@ $<
$(OUT)/musl/isolate/privilege.o: | $(FILTER)
$(OUT)/isolate/shim_image.o: private CPP_FLAGS += -DSHIM_IMAGE='"$(SHIM)"'
$(OUT)/isolate/shim_image.o: $(SHIM)

# Compiled once, here, and not at each start of a task.
$(FILTER): isolate/seccomp_compile.c
	@mkdir -p $(@D)
	@$(CC) $(CPP_FLAGS) $(WARN) $(WERROR) -o $(OUT)/seccomp_compile $< -lseccomp
	@$(EMULATOR) $(OUT)/seccomp_compile > $@.new && mv $@.new $@
$(OUT)/isolate/privilege.o: | $(FILTER)

$(OUT)/%.o: %.c | $(GEN).h
	@mkdir -p $(@D)
	@echo "CC    $<"
	@$(CC) $(CPP_FLAGS) $(C_FLAGS) $(WARN) $(WERROR) -MMD -MP -c -o $@ $<

$(GEN).h $(GEN).c &: proto/stratos.proto
	@mkdir -p $(OUT)/gen
	@protoc-c --c_out=$(OUT)/gen --proto_path=proto proto/stratos.proto

$(GEN).o: $(GEN).c
	@$(CC) $(CPP_FLAGS) $(C_FLAGS) -w -c -o $@ $<

$(OUT)/llhttp/%.o: /usr/share/llhttp/%.c Makefile
	@mkdir -p $(@D)
	@$(CC) -I/usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1 $(C_FLAGS) -w -c -o $@ $<

$(OUT)/netsvc/%.o: CPP_FLAGS += -I/usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1
$(OUT)/agent/assets.o: $(wildcard agent/assets/*)

# ---------------------------------------------------------------- unit tests: one Criterion binary per folder
UNIT := $(patsubst tests/%,$(OUT)/tests/unit_%,$(filter $(addprefix tests/,$(FLOORS)),$(patsubst %/,%,$(wildcard tests/*/))))
TEST_CFLAGS := $(filter-out -Wconversion -Wsign-conversion -Wpedantic -Wshadow,$(WARN)) -Wno-missing-prototypes
# An archive, so that a test that plays a part of ours itself is not given the real one as well.
TEST_LIB := $(OUT)/tests/libtests.a
$(TEST_LIB): $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/lib/*.c))
	@rm -f $@ && ar rcs $@ $^

$(OUT)/tests/%.o: tests/%.c | $(GEN).h
	@mkdir -p $(@D)
	@echo "CC    $<"
	@$(CC) $(CPP_FLAGS) $(C_FLAGS) $(TEST_CFLAGS) $(WERROR) -MMD -MP -c -o $@ $<

.SECONDARY:                          # keep objects that only a chain of rules asked for
.SECONDEXPANSION:
$(OUT)/tests/unit_%: $$(addprefix $(OUT)/,$$(addsuffix .o,$$(basename $$(wildcard tests/$$*/*.c tests/$$*/*/*.c)))) $(TEST_LIB) $(LIB)
	@echo "LINK  $@"
	@$(CC) $(FLAGS_$(BUILD)) -o $@ $^ $(LIBS_dynamic) -lcriterion

$(OUT)/tests/unit_isolate: | $(BIN)  # tests of the runner start its shim

.PHONY: unit units
units: $(UNIT)
unit: $(UNIT)                        # all unit tests
	@for t in $(UNIT); do $$t -j2 || exit 1; done
unit-%: $(OUT)/tests/unit_%          # make unit-core BUILD=debug: one folder's tests
	@$<

# ---------------------------------------------------------------- fuzzing: tests/fuzz/fuzz_<x>.c, tests/fuzz/corpus/<x>/
FUZZ    := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
TARGET  ?= $(FUZZ)
SECONDS ?= 60
REPLAY  := $(FUZZ:%=$(OUT)/tests/replay_%)

$(OUT)/tests/replay_%: $(OUT)/tests/fuzz/fuzz_%.o $(OUT)/tests/fuzz/replay.o $(TEST_LIB) $(LIB)
	@$(CC) $(FLAGS_$(BUILD)) -o $@ $^ $(LIBS_dynamic)
$(OUT)/tests/fuzz_%: $(OUT)/tests/fuzz/fuzz_%.o $(TEST_LIB) $(LIB)
	@$(CC) $(FLAGS_$(BUILD)) -fsanitize=fuzzer -o $@ $^ $(LIBS_dynamic)

.PHONY: fuzz replay replays
replays: $(REPLAY)
replay: $(REPLAY)                    # every fuzz target over its corpus, without a fuzzer
	@for x in $(FUZZ); do $(OUT)/tests/replay_$$x tests/fuzz/corpus/$$x || exit 1; done
fuzz: $(TARGET:%=$(OUT)/tests/fuzz_%) # make deps fuzz TARGET=doc SECONDS=60; findings land in build/fuzz/found/
	@for x in $(TARGET); do \
	    mkdir -p $(OUT)/corpus/$$x $(OUT)/found tests/fuzz/corpus/$$x; \
	    $(OUT)/tests/fuzz_$$x -max_total_time=$(SECONDS) -timeout=10 -max_len=65536 \
	        -artifact_prefix=$(OUT)/found/$$x- $(OUT)/corpus/$$x tests/fuzz/corpus/$$x || exit 1; \
	done

# ---------------------------------------------------------------- the simulator and the benches
SIM   := $(OUT)/sim
BENCH := $(patsubst tests/bench/%.c,$(OUT)/tests/%,$(wildcard tests/bench/bench_*.c))

$(SIM): $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/sim/*.c)) $(TEST_LIB) $(LIB)
	@echo "LINK  $@"
	@$(CC) $(FLAGS_$(BUILD)) -o $@ $^ $(LIBS_dynamic)
$(OUT)/tests/bench_%: $(OUT)/tests/bench/bench_%.o $(TEST_LIB) $(LIB)
	@$(CC) $(FLAGS_$(BUILD)) -Wl,--as-needed -o $@ $^ $(LIBS_dynamic)

.PHONY: sim simulator crowd swim-stats bench benches tsan
simulator: $(SIM)
sim: $(SIM) $(addprefix $(OUT)/tests/bench_,crowd swim spread) # make sim SEED=7 or SEEDS=1-100, NODES=5: whole nodes through faults, in virtual time
	@$(SIM) $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1-20) --workers $(shell nproc)) --nodes $(or $(NODES),5) $(SIM_ARGS)
	$(if $(SEED)$(SEEDS)$(NODES),,@$(SIM) --stories "" --seeds 1-20)
	$(if $(SEED)$(SEEDS)$(NODES),,@echo "1,000 nodes, which takes some minutes" && $(SIM) --seed 1 --nodes 1000 $(SIM_ARGS))
	$(if $(SEED)$(SEEDS)$(NODES),,@echo "gossip alone, to 10,000 nodes: some minutes more" && $(OUT)/tests/bench_crowd)
	$(if $(SEED)$(SEEDS)$(NODES),,@echo "128 nodes, of which some are slow, or that lose 15 % for ten minutes" && \
	    $(OUT)/tests/bench_swim --faults && $(OUT)/tests/bench_spread 128 0.15 1 6000)
crowd: $(OUT)/tests/bench_crowd      # 16 to 10,000 gossip machines in one process; SIZES="1000" for others
	@$< $(SIZES)
swim-stats: $(OUT)/tests/bench_swim  # what each part of membership beyond plain SWIM is worth
	@$<
tsan:                                # the simulator and the benches, looked at for races
	@$(MAKE) --no-print-directory BUILD=tsan simulator benches
	@for x in "sim --seeds 1-4 --nodes 10" tests/bench_dns "tests/bench_plan 200" "tests/bench_spread 200" \
	    "tests/bench_table 1000"; do \
	    echo "== $$x"; TSAN_OPTIONS=halt_on_error=1 build/tsan/$$x || exit 1; \
	done
benches: $(BENCH)
bench: $(BENCH)                      # all benches
	@for b in $(BENCH); do echo "== $$b"; $$b || exit 1; done

# ---------------------------------------------------------------- are the tests good enough?
.PHONY: mutants
mutants:                             # each fault of tests/mutants in a copy: who notices it? MUTANTS="water seal" for some
	@tests/mutants.sh $(MUTANTS)

# ---------------------------------------------------------------- what the code must not do
# A file decides unless it is named here as one that does; deciding files call nothing outside
# tests/purity.allow.
DOING    := core/dump core/log core/ram_dir core/room core/store_files core/store_rocks proto/random proto/stream_seal \
            isolate/uv_% isolate/cgroup isolate/cgroup_aside isolate/cgroup_mode isolate/cgroup_view isolate/child isolate/control \
            isolate/files isolate/hidden isolate/host_try isolate/landlock isolate/log_file isolate/log_keep isolate/log_read \
            isolate/log_runs isolate/mounts isolate/peer isolate/privilege isolate/program isolate/record isolate/rlimits isolate/run \
            isolate/shim isolate/shim_child isolate/shim_end isolate/shim_image isolate/shim_output isolate/spawn \
            isolate/task_dir isolate/token_file isolate/users gossip/uv_% netsvc/uv_% agent/uv_% \
            agent/api% agent/ballast agent/client% agent/demo_http agent/dev% agent/facts agent/files agent/home% agent/log_local \
            agent/memory agent/options agent/recorder agent/settings agent/shim_entry agent/socket_file agent/stop_tasks agent/task_token
DECIDING := $(filter-out $(DOING:%=%.c) cli/%,$(SRC))

.PHONY: floors purity static
floors: $(OBJ) $(PROGRAM_SRC:%.c=$(OUT)/%.o) # who uses whom, by include and by symbol; fails on what goes up or in a circle
	@tests/floors.py . $(OUT) $(DOING)
purity: $(DECIDING:%.c=$(OUT)/%.o) $(GEN).o # deciding code calls no socket, clock, file or thread
	@tests/purity.sh tests/purity.allow $^
static:                              # the release binary is static, loads nothing at run time and is small
	@$(MAKE) --no-print-directory BUILD=release
	@tests/static.sh build/release/stratos build/release/stratos.symbols build/release/shim

# ---------------------------------------------------------------- looks at the code, now and then
.PHONY: static-analysis
static-analysis: $(SRC:%.c=$(OUT)/%.analysed) # clang's analyzer over every source; fails on what it finds
$(OUT)/%.analysed: %.c | $(GEN).h
	@mkdir -p $(@D)
	@clang-14 --analyze --analyzer-output text $(CPP_FLAGS) -I/usr/share/include/llhttp -std=gnu17 -o /dev/null $< 2>$@.out; \
	    cat $@.out; ! grep -q 'warning:' $@.out && mv $@.out $@

.PHONY: cov
cov: deps                            # which lines and branches the unit tests reach, by file; build/cov/report/index.html
	@$(MAKE) --no-print-directory BUILD=cov units
	@find build/cov -name '*.gcda' -delete
	@for t in $(notdir $(UNIT)); do \
	    build/cov/tests/$$t -j$$(nproc) --timeout 120 >build/cov/$$t.log 2>&1 || { cat build/cov/$$t.log; exit 1; }; \
	done
	@mkdir -p build/cov/report
	@gcovr --root . --object-directory build/cov $(FLOORS:%=--filter '%/') --print-summary --html-details build/cov/report/index.html

# ---------------------------------------------------------------- everything
# On a fresh machine the lists above were made before the packages were there, so both of these
# start make once more.
.PHONY: check demo
check: deps                          # all tests; make check BUILD=asan for the sanitizers
	@MAKEFLAGS= CC="$(CC)" tests/check.sh $(CHECK_BUILD)
demo: deps                           # a small cluster at work, from nothing
	@$(MAKE) --no-print-directory $(BIN)
	@tests/demo.sh

# ---------------------------------------------------------------- what takes hours
.PHONY: arm64 nightly library-packages
library-packages:
	@echo $(LIBRARIES)
arm64: deps                          # cross-built, unit-tested and simulated under qemu
	@tests/arm64.sh
nightly: deps                        # everything that takes too long for each change
	@$(MAKE) --no-print-directory arm64 static-analysis mutants tsan
	@ALL=1 $(MAKE) --no-print-directory check BUILD=asan
	@$(MAKE) --no-print-directory sim SEEDS=1-10000
	@$(MAKE) --no-print-directory sim SEEDS=1-300 NODES=50
	@$(MAKE) --no-print-directory sim
	@$(MAKE) --no-print-directory fuzz SECONDS=600

# ---------------------------------------------------------------- the release before
# Upgrades are tested from its real binary, built from its commit.
BASE_COMMIT := 6eaaa5b
BASE := build/base-0.1.0/src
.PHONY: base
base:                                # 0.1.0, which tests/e2e/test_upgrade.py upgrades from
	@test -x $(BASE)/build/release/stratos || { rm -rf $(BASE) && mkdir -p $(BASE) && \
	    git archive $(BASE_COMMIT) | tar -x -C $(BASE) && \
	    CI= MAKEFLAGS= MAKELEVEL= $(MAKE) --no-print-directory -C $(BASE) BUILD=release -j$$(nproc) build/release/stratos; }

# ---------------------------------------------------------------- housekeeping
.PHONY: deps format clean help
deps:                                # install what is missing, by Debian package name
	@missing=$$(for p in $(DEPS); do dpkg-query -W -f='$${Status}\n' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    echo "installing:" $$missing; \
	    $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing; \
	fi
format:
	@clang-format-14 -i $(wildcard $(FLOORS:%=%/*.[ch]) $(FLOORS:%=%/*/*.[ch]) tests/*/*.[ch] tests/*/*/*.[ch])
.PHONY: compile_commands.json
compile_commands.json: $(GEN).h      # for editors
	@printf '%s' '$(subst ','\'',$(CC) $(CPP_FLAGS) -I/usr/share/include/llhttp $(C_FLAGS) $(WARN))' | \
	    tests/compile_commands.py $(SRC) cli/main.c $(wildcard tests/*/*.c tests/*/*/*.c)
clean:
	@rm -rf build compile_commands.json
help:
	@grep -hE '^[a-z][a-z0-9_.-]*:.*#' $(MAKEFILE_LIST) | sed -E 's/:[^#]*#/\t/' | expand -t 12

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
