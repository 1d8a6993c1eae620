# Stratos: one Makefile, read top to bottom.  `make help` lists what it can do.
#
# BUILD picks the flavour; each has its own build/<kind>/.
BUILD ?= release
OUT   := build/$(BUILD)

# ---------------------------------------------------------------- what Debian 12 must have
DEPS := build-essential pkg-config git ca-certificates \
        libuv1-dev libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libsodium-dev libmsgpack-dev \
        librocksdb-dev libyaml-dev libjansson-dev libc-ares-dev libseccomp-dev libcap-dev libxxhash-dev \
        uthash-dev node-llhttp libcriterion-dev \
        libsnappy-dev liblz4-dev libzstd-dev libbz2-dev zlib1g-dev \
        binutils python3 curl bind9-dnsutils iproute2 procps

# ---------------------------------------------------------------- compiler and flags
CC       ?= gcc
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 \
            -Wswitch-enum -Wimplicit-fallthrough -Wvla -Wnull-dereference
WERROR   ?= $(if $(CI),-Werror)
VERSION  := $(shell cat VERSION)
CPPFLAGS := -I. -I$(OUT)/gen -D_GNU_SOURCE -DSTRATOS_VERSION='"$(VERSION)"'
CFLAGS   := -std=gnu17 -g -pipe -fno-omit-frame-pointer

FLAGS_release := -O2 -D_FORTIFY_SOURCE=3 -fstack-protector-strong -ffunction-sections -fdata-sections
FLAGS_debug   := -O0
FLAGS_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan    := -O1 -fsanitize=thread
FLAGS_cov     := -O0 --coverage
CFLAGS += $(or $(FLAGS_$(BUILD)),$(error BUILD=$(BUILD): want release, debug, asan, tsan or cov))
LDFLAGS_release := -static -Wl,--gc-sections
LDFLAGS := $(FLAGS_$(BUILD)) $(LDFLAGS_$(BUILD))

LIBS_static  := -lrocksdb -luv_a -lsodium -lmsgpackc -lprotobuf-c -lcares -lyaml -ljansson -lseccomp -lcap \
                -lsnappy -llz4 -lzstd -lbz2 -lz -lxxhash -lstdc++ -lpthread -ldl -lm
LIBS_dynamic := -lrocksdb -luv -lsodium -lmsgpackc -lprotobuf-c -lcares -lyaml -ljansson -lseccomp -lcap -lxxhash -lpthread -lm
LIBS := $(if $(filter release,$(BUILD)),$(LIBS_static),$(LIBS_dynamic))

# ---------------------------------------------------------------- sources: one folder is one floor
FLOORS := core proto isolate gossip sched netsvc agent cli
SRC    := $(filter-out cli/main.c,$(wildcard $(addsuffix /*.c,$(FLOORS))))
OBJ    := $(SRC:%.c=$(OUT)/%.o)
GEN    := $(OUT)/gen/stratos.pb-c
LLHTTP := $(patsubst /usr/share/llhttp/%.c,$(OUT)/llhttp/%.o,$(wildcard /usr/share/llhttp/*.c))
LIB    := $(OUT)/libstratos.a
BIN    := $(OUT)/stratos

.PHONY: all
all: $(BIN)

$(BIN): $(OUT)/cli/main.o $(LIB)
	@echo "LINK  $@"
	@$(CC) $(LDFLAGS) -o $@ $< $(LIB) $(LIBS)
	$(if $(filter release,$(BUILD)),@strip -s -o $@.stripped $@ && mv $@.stripped $@)

$(LIB): $(OBJ) $(GEN).o $(LLHTTP)
	@rm -f $@ && ar rcs $@ $^

$(OUT)/%.o: %.c | $(GEN).h
	@mkdir -p $(@D)
	@echo "CC    $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) $(WERROR) -MMD -MP -c -o $@ $<

$(GEN).h $(GEN).c &: proto/stratos.proto
	@mkdir -p $(OUT)/gen
	@protoc-c --c_out=$(OUT)/gen --proto_path=proto proto/stratos.proto

$(GEN).o: $(GEN).c
	@$(CC) $(CPPFLAGS) $(CFLAGS) -w -c -o $@ $<

$(OUT)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	@$(CC) -I/usr/share/include/llhttp $(CFLAGS) -w -c -o $@ $<

$(OUT)/netsvc/%.o: CPPFLAGS += -I/usr/share/include/llhttp
$(OUT)/agent/assets.o: $(wildcard agent/assets/*)

# ---------------------------------------------------------------- unit tests: one Criterion binary per folder
UNIT := $(patsubst tests/%,$(OUT)/tests/unit_%,$(filter $(addprefix tests/,$(FLOORS)),$(patsubst %/,%,$(wildcard tests/*/))))
TEST_CFLAGS := $(filter-out -Wconversion -Wsign-conversion -Wpedantic -Wshadow,$(WARN)) -Wno-missing-prototypes
TEST_LIB_OBJ := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/lib/*.c))

$(OUT)/tests/%.o: tests/%.c | $(GEN).h
	@mkdir -p $(@D)
	@echo "CC    $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(TEST_CFLAGS) $(WERROR) -MMD -MP -c -o $@ $<

.SECONDEXPANSION:
$(OUT)/tests/unit_%: $$(addprefix $(OUT)/,$$(addsuffix .o,$$(basename $$(wildcard tests/$$*/*.c)))) $(TEST_LIB_OBJ) $(LIB)
	@echo "LINK  $@"
	@$(CC) $(FLAGS_$(BUILD)) -o $@ $^ $(LIBS_dynamic) -lcriterion

$(OUT)/tests/unit_isolate: | $(BIN)  # tests of the runner start its shim

.PHONY: unit unit-%
unit: $(UNIT)
	@for t in $(UNIT); do $$t -j2 || exit 1; done
unit-%: $(OUT)/tests/unit_%          # make unit-core BUILD=debug: one folder's tests
	@$<

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
	@clang-format-14 -i $(wildcard $(addsuffix /*.[ch],$(FLOORS)) tests/*/*.[ch])
clean:
	@rm -rf build
help:
	@grep -hE '^[a-z][a-z-]*:.*#' $(MAKEFILE_LIST) | sed -E 's/:[^#]*#/\t/' | expand -t 12

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
