# Every command of the project; `make help` lists them. PORT moves all of the server's ports together from those in config.properties.
# MODELS=digits_onnx builds and serves this one of models.toml alone; commands to a server started with either are given the same.
PYTHON ?= python3.11
PORT ?=
RECIPE ?= quick
SEEDS ?= 5
DATA_ROOT ?= data
REAL_DATA ?= ../shared/data
PICTURES ?= 10000
FLAGS ?=
RUN ?= runs/retrained
TEST_PROCESSES ?= 2
# Of a release, or to roll back to; from the command line alone, since some shells and machines that build set one of that name.
VERSION :=
MODELS ?=
FORMS ?=
PEERS ?=
# on: archives whose batches hold one request, so that a client alone waits for no other: docs/performance.md.
LATENCY ?=
# The weights that are exported and measured: RECIPE's own, trained where they are missing or old; any other file by its
# path; or the released ones, which need no training: make run WEIGHTS=shipped
WEIGHTS ?= runs/$(RECIPE)/digits.pt
ifeq ($(WEIGHTS),shipped)
override WEIGHTS := training/released/digits.pt
endif
NAME := $(notdir $(patsubst %/,%,$(dir $(WEIGHTS))))

PY := .venv/bin/python
SETUP := .venv/installed
STORE := model_store
comma := ,
CHOSEN_PEERS := $(subst $(comma), ,$(PEERS))
# Other servers for the bench, other engines where lines are read; NAME.txt lists what each needs.
PEERS_AT := $(if $(filter evaluate-numbers,$(MAKECMDGOALS)),training/evaluate/lines/peers,bench/peers)
NO_PEERS := $(filter-out $(basename $(notdir $(wildcard $(PEERS_AT)/*.txt))),$(CHOSEN_PEERS))
$(if $(NO_PEERS),$(error no peer $(NO_PEERS); there are $(basename $(notdir $(wildcard $(PEERS_AT)/*.txt)))))
NO_WEIGHTS := $(filter-out runs/$(RECIPE)/digits.pt $(wildcard $(WEIGHTS)),$(WEIGHTS))
$(if $(NO_WEIGHTS),$(error no weights at $(NO_WEIGHTS); WEIGHTS takes a weights file, or shipped for the released ones))
$(if $(filter score,$(MAKECMDGOALS)),$(if $(and $(FROM),$(OUT)),,$(error say what to read and where answers go: make score FROM=folder OUT=folder)))
# Before the weights to start from are trained, which takes minutes.
$(if $(filter finetune,$(MAKECMDGOALS)),$(if $(wildcard $(DATA)),,$(error no pictures at '$(DATA)'; name yours: make finetune DATA=folder)))
$(if $(filter judge,$(MAKECMDGOALS)),$(if $(wildcard $(CHALLENGER)),,$(error no weights at '$(CHALLENGER)'; name them: make judge CHALLENGER=runs/retrained/digits.pt)))
# What models.toml lists, which deploy/model_list.py tells in words, key=value: $(call told,archive) are the values of a key.
# The machine's own Python reads it until there is an environment; make setup says what is wrong with that one. Exit code 2 stands for
# a list, a model or a form that cannot be: what was printed is the sentence about it.
READER := $(or $(wildcard $(PY)),$(PYTHON))
LIST := $(shell $(READER) -m deploy.model_list '$(MODELS)' '$(FORMS)' 2>/dev/null)
$(if $(filter 2,$(.SHELLSTATUS)),$(error $(LIST)))
told = $(patsubst $1=%,%,$(filter $1=%,$(LIST)))
ARCHIVES := $(call told,chosen)
# What a module's output depends on are the files that it imports, which deploy/imports.py finds: $(call needs,training.train).
NEEDS := $(shell $(READER) deploy/imports.py training.train training.evaluate.report export.to_onnx export.to_torch export.to_mar export.eye_to_onnx export.line_to_onnx export.finder_to_onnx bench.stock.archive loadtest.run loadtest.locustfile 2>/dev/null)
needs = $(patsubst $1:%,%,$(filter $1:%,$(NEEDS)))
GRAPH ?= $(STORE)/digits.onnx
EYE := training/released/eye.pt
# What an archive holds: its artifact, the weights that models.toml names, or those that make is told of.
held = $(or $(call told,artifact@$1),$(call told,weights@$1),$(WEIGHTS) $(CHOSEN))
NUMBERS := training/released/numbers.pt
FINDER := training/released/finder.pt
# Where there is a key, what is exported is signed; what was built before the key was made is built again.
SIGNING_KEY := $(wildcard $(or $(DIGITS_SIGNING_KEY),keys/signing.key))
# What is inside every archive, and how it is tried before it is published.
INSIDE := $(shell find handlers -name '*.py' -o -path '*/templates/*.yaml') LICENSE NOTICE export/answer_inside.py
LOADTEST := reports/loadtest/kept
CHOSEN := $(STORE)/.from-$(subst /,-,$(firstword $(WEIGHTS)))
$(if $(filter-out on,$(LATENCY)),$(error LATENCY is '$(LATENCY)'; it takes on, or nothing))
# Which of both archives are packed for; a store that never had LATENCY=on needs no such file.
PACKED_FOR := $(if $(LATENCY)$(wildcard $(STORE)/.latency-*),$(STORE)/.latency-$(or $(LATENCY),off))
REPORT := reports/$(NAME)/report.html
MNIST := --data-root $(DATA_ROOT)
SERVER = --port '$(PORT)' $(call flag,models,MODELS)
# All but those that bring a tracker of trainings, which few have and which are large.
EXTRAS := bench cli collect console dev documents grpc load postgres review search score serve serve-onnx traces train words
LOCK := .venv/bin/uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 --quiet pyproject.toml
# $(call flag,NAME,VARIABLE) is --NAME with the value of a variable that the caller of make has set; defaults are the programs' own.
flag = $(if $(filter command environment,$(firstword $(origin $2))),$(if $($2),--$1 '$($2)'))
LOADTEST_FLAGS = $(or $(call flag,profile,PROFILE),$(if $(LATENCY),--profile alone)) $(call flag,target,TARGET) $(call flag,users,LOADTEST_USERS) $(call flag,rate,LOADTEST_RATE) \
	$(call flag,seconds,LOADTEST_SECONDS) $(call flag,grpc,GRPC) $(call flag,processes,PROCESSES) $(call flag,machines,MACHINES) \
	$(call flag,exporter-port,EXPORTER_PORT) $(call flag,baseline,BASELINE) $(call flag,ratio,RATIO) $(call flag,reports,REPORTS)
BENCH_FLAGS = $(call flag,targets,TARGETS) $(call flag,peers,PEERS) $(call flag,forms,FORMS) $(call flag,workers,WORKERS) \
	$(call flag,seconds,BENCH_SECONDS) $(call flag,rounds,BENCH_ROUNDS) $(call flag,connections,BENCH_CONNECTIONS) $(call flag,port,BENCH_PORT)
# What a round of the loop is told; the weights that were promoted last are its own default.
ROUND = --store '$(COLLECTED)' $(if $(filter-out file,$(origin WEIGHTS)),--champion '$(WEIGHTS)') $(call flag,cause,CAUSE) $(call flag,by,BY) \
	$(call flag,until,UNTIL) --server $(if $(PORT),PORT=$(PORT)) $(if $(MODELS),MODELS=$(MODELS)) $(if $(BOUNDS),BOUNDS=$(BOUNDS))
# The groups of tests/shared.py in the order that it says, and not in that of their numbers of tests.
SIDE_BY_SIDE := --numprocesses $(TEST_PROCESSES) --no-loadscope-reorder
# Some machines tell Python to keep no compiled modules. Every process, and every worker of a server, would compile PyTorch's anew.
export PYTHONDONTWRITEBYTECODE :=
# Secrets, and what only tests read, go by the environment: everybody sees the flags of a process.
loadtest: export DIGITS_TOKEN ?= $(TOKEN)
loadtest: export DIGITS_MANAGEMENT_TOKEN ?= $(MANAGEMENT_TOKEN)
monitor loop loop-on-drift: export DIGITS_WEBHOOK ?= $(WEBHOOK)
test: export DIGITS_REAL_DATA ?= $(abspath $(REAL_DATA))
test: export DIGITS_SOAK_MINUTES ?= $(SOAK_MINUTES)

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: eye numbers finder evaluate-numbers evaluate-pages help setup run ports stop monitor monitor-stop serve score autoscale rollback train train-many search finetune evaluate evaluate-real scenes corruptions compare bench-canvas release export smoke loadtest test check fmt lock clean bench bench-models bench-batches bench-steps tune chaos soak audit sbom bench-client console forget labels retrain few-labels pretrain judge flips label-errors keys image promote splitter loop loop-on-drift uses second-reading story labels-needed

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: ports $(ARCHIVES) $(REPORT) ## everything: set up, train (or WEIGHTS=shipped), export, serve, load-test, summary; LATENCY=on where few clients ask
	@$(PY) -m deploy.server start $(SERVER) $(call flag,promotions,PROMOTIONS)
	@$(PY) -m deploy.smoke $(SERVER) $(MNIST)
	@code=0; if make -q --no-print-directory $(LOADTEST); then $(PY) -m loadtest.results.overview; else make --no-print-directory $(LOADTEST) || code=3; fi; \
	$(PY) -m deploy.summary $(SERVER) --weights $(WEIGHTS) $(MNIST) && exit $$code

# Before the training, which takes minutes.
ports: $(SETUP)
	@$(PY) -m deploy.server check --port '$(PORT)'

stop: $(SETUP) ## end the server that make run started
	@$(PY) -m deploy.server stop $(SERVER)

console: $(SETUP) ## a page that talks to the running server: draw, drop pictures, see its status; FEEDBACK=folder keeps what people say of answers, COLLECTED=folder has kept pictures reviewed
	@$(PY) -m console.run $(SERVER) $(call flag,listen,LISTEN) $(call flag,feedback,FEEDBACK) $(call flag,collected,COLLECTED) $(call flag,root-path,ROOT_PATH) $(call flag,origin,ORIGIN)

forget: $(SETUP) ## delete kept pictures and all that is known of them: COLLECTED=folder, and HASH, FILE, or SINCE and UNTIL
	@$(PY) -m loop.forget $(call flag,store,COLLECTED) $(if $(HASH),--hash $(HASH)) $(call flag,file,FILE) $(call flag,since,SINCE) $(call flag,until,UNTIL)

labels: $(SETUP) ## write what people agree that kept pictures show, for make finetune or other tools, or read it: COLLECTED, OUT or FROM, FORMAT, ALL=1, BY
	@$(PY) -m loop.labels $(call flag,store,COLLECTED) $(call flag,out,OUT) $(call flag,from,FROM) $(call flag,form,FORMAT) $(call flag,by,BY) $(if $(ALL),--all)

second-reading: $(ARCHIVES) ## have the pictures of a store read by each of MODELS that has not read them, so that it holds both nets' logits: COLLECTED
	@$(PY) -m loop.second_reading $(call flag,store,COLLECTED) $(or $(if $(MODELS),$(ARCHIVES)),$(filter $(STORE)/digits%,$(ARCHIVES)))

label-errors: $(SETUP) ## list labels of kept pictures that are probably wrong: COLLECTED, AGAIN=1 has them reviewed once more
	@$(PY) -m loop.label_errors $(call flag,store,COLLECTED) $(if $(AGAIN),--again)

monitor: $(SETUP) ## watch the running server with Prometheus and Alertmanager; WEBHOOK=http://… gets the alerts
	@$(PY) -m deploy.monitoring.monitor start $(SERVER)

monitor-stop: $(SETUP) ## end what make monitor started
	@$(PY) -m deploy.monitoring.monitor stop $(SERVER)

serve: $(ARCHIVES) ## serve in the foreground, Ctrl-C stops it
	@env -u PYTHONPATH $(PY) -m deploy.server serve $(SERVER) $(call flag,promotions,PROMOTIONS)

score: $(GRAPH) $(STORE)/eye.onnx | $(SETUP) ## answer many pictures without a server: FROM=folder or address of pictures, tar, Parquet; OUT=folder gets Parquet; GRAPH, PROCESSES, SHARE=0/4
	@$(PY) -m scoring.run '$(FROM)' '$(OUT)' --weights $(GRAPH) $(call flag,column,COLUMN) $(call flag,processes,PROCESSES) $(call flag,share,SHARE)

autoscale: $(SETUP) ## have the running server's workers follow the load: LEAST (1), MOST (2), TARGET_S (0.05), DRY_RUN=1
	@$(PY) -m deploy.autoscale $(SERVER) $(call flag,least,LEAST) $(call flag,most,MOST) $(call flag,target,TARGET_S) $(if $(DRY_RUN),--dry-run)

rollback: $(SETUP) ## make the previous version of digits the default without a restart; VERSION=1.1 for any that is served, MODELS=numbers,numbers_onnx for others
	@$(PY) -m deploy.rollback $(SERVER) $(if $(VERSION),--version $(VERSION))

promote: $(SETUP) ## bring the judged weights in RUN=runs/retrained to the traffic: shadow, 5, 25, 100 %, and back if they leave BOUNDS; BY=name
	@$(PY) -m promotion.promote $(SERVER) --run '$(RUN)' $(call flag,bounds,BOUNDS) $(call flag,by,BY) $(MNIST)

loop: $(SETUP) ## one round: make retrain, make judge, make promote; COLLECTED=folder, WEIGHTS=first champion, UNTIL=judge, CAUSE, WEBHOOK=http://… gets a summary
	@$(PY) -m loop.round $(ROUND)

loop-on-drift: $(SETUP) ## begin a round of the loop whenever the drift alert fires: make monitor WEBHOOK=http://127.0.0.1:8087 sends it here
	@$(PY) -m loop.drift_listener $(call flag,listen,LISTEN) $(call flag,rest-hours,REST_HOURS) -- $(ROUND)

labels-needed: $(WEIGHTS) | $(SETUP) ## how many labels a new source takes, in the order of the review and at random: SEEDS (3), WEIGHTS=shipped, REAL_DATA
	@$(PY) -m story.labels_needed --weights $< --real-data $(REAL_DATA) $(call flag,seeds,SEEDS) $(MNIST) $(FLAGS)

story: $(STORE)/digits.mar | $(SETUP) ## play the loop on a server of its own: a new source arrives, is reviewed, learned and promoted under load, and 30 % wrong labels are stopped; WEIGHTS=shipped
	@$(PY) -m story.run --weights $(WEIGHTS) --archive $< $(call flag,port,PORT) $(MNIST) $(FLAGS)

splitter: $(SETUP) ## the proxy of make promote: clients ask it in place of the server, before, during and after a promotion
	@$(PY) -m promotion.traffic.splitter $(SERVER) $(call flag,listen,LISTEN)

setup: $(SETUP) ## make .venv from the hash-locked requirements

$(SETUP): requirements.txt pyproject.toml client/pyproject.toml deploy/setup.py deploy/machine/checkout.py
	@command -v $(PYTHON) >/dev/null || { echo "make setup: no $(PYTHON) here; install Python 3.11 or name it with PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m deploy.setup
	@touch $@

train: runs/$(RECIPE)/digits.pt ## train RECIPE (quick), any field as a flag: make train FLAGS='--epochs 3 --seed 1'

runs/$(RECIPE)/digits.pt: $(call needs,training.train) | $(SETUP)
	$(PY) -m training.train --recipe $(RECIPE) --run $(@D) --resume $(MNIST) $(FLAGS)

# A file whose name says which weights the archives are from: another choice has no such file yet, so they are built again.
$(CHOSEN):
	@rm -f $(STORE)/.from-*
	@touch $@

$(PACKED_FOR):
	@rm -f $(STORE)/.latency-*
	@touch $@

train-many: $(SETUP) ## train RECIPE with SEEDS (5) seeds and print the table
	$(PY) -m training.train --recipe $(RECIPE) --run runs/$(RECIPE)-many --seeds $(SEEDS) $(MNIST) $(FLAGS)

search: $(SETUP) ## look for a better RECIPE on validation: TRIALS (30) in all, JOBS (1) at a time, FIELDS=learning_rate,dropout; goes on where it was stopped
	@$(PY) -m training.search.run_search --recipe $(RECIPE) $(call flag,trials,TRIALS) $(call flag,jobs,JOBS) $(call flag,fields,FIELDS) $(MNIST) $(FLAGS)

finetune: $(WEIGHTS) | $(SETUP) ## train WEIGHTS on the pictures in DATA=folder too, and print what was learned and what was forgotten
	@$(PY) -m training.finetune --init-from $< --data $(DATA) $(MNIST) $(FLAGS)

retrain: $(WEIGHTS) | $(SETUP) ## train WEIGHTS on what people say that the pictures of a store show: COLLECTED, WEIGHTS=shipped, FLAGS='--unlabelled 0'
	@rm -rf runs/retrained/pictures
	@$(PY) -m loop.labels $(call flag,store,COLLECTED) --out runs/retrained/pictures --all
	@$(PY) -m training.retrain --data runs/retrained/pictures --init-from $< $(MNIST) $(FLAGS)

judge: $(SETUP) ## hold CHALLENGER's weights to CHAMPION's (the released ones) on the same pictures, and say which gate fails: GATES=file, REVIEWED=export
	@$(PY) -m training.judge.run --champion $(or $(CHAMPION),training/released/digits.pt) --challenger '$(CHALLENGER)' $(call flag,gates,GATES) $(call flag,reviewed,REVIEWED) $(if $(wildcard $(REAL_DATA)),--real-data $(REAL_DATA)) $(MNIST) $(FLAGS)

flips: $(WEIGHTS) | $(SETUP) ## what change of ink turns answers of WEIGHTS, and whether explanations point at what matters, with a picture
	@$(PY) -m training.judge.run_flips --weights $< $(MNIST) $(FLAGS)

pretrain: $(SETUP) ## learn features from MNIST without its labels, in runs/pretrained, for trainings that start from them: FLAGS='--epochs 12'
	@$(PY) -m training.pretrain $(MNIST) $(FLAGS)

few-labels: $(SETUP) ## how well MNIST is read after LABELS (10) labelled pictures of each digit, alone and with the rest unlabelled, of SEEDS (3) seeds
	@$(PY) -m training.few_labels $(call flag,labels,LABELS) $(call flag,seeds,SEEDS) $(MNIST) $(FLAGS)

evaluate: $(REPORT) ## write reports/RECIPE/report.html about the trained weights

$(REPORT): $(WEIGHTS) $(EYE) $(call needs,training.evaluate.report) training/evaluate/report.html.jinja | $(SETUP)
	$(PY) -m training.evaluate.report --weights $< --out $(@D) $(MNIST)

evaluate-real: $(WEIGHTS) | $(SETUP) ## read the real pictures in REAL_DATA, which MNIST never showed, and print the table: SETS=people, HALF=development
	@$(PY) -m training.evaluate.real.run --weights $< --real-data $(REAL_DATA) --out reports/$(NAME) $(MNIST) $(call flag,only,SETS) $(call flag,half,HALF)

evaluate-numbers: $(SETUP) $(CHOSEN_PEERS:%=.venv-peers/%/installed) ## read whole numbers in the real pictures of lines in REAL_DATA, and print the table: SETS=cheque, HALF=development, PEERS=rapidocr,tesseract
	@$(PY) -m training.evaluate.lines.run --weights $(NUMBERS) --real-data $(REAL_DATA) --out reports/numbers $(call flag,only,SETS) $(call flag,half,HALF) $(call flag,peers,PEERS)

evaluate-pages: $(SETUP) ## find and read the numbers of the whole pictures in REAL_DATA, and print the table: SETS=forms, HALF=development
	@$(PY) -m training.evaluate.pages.run --weights $(NUMBERS) --real-data $(REAL_DATA) --out reports/numbers $(call flag,only,SETS) $(call flag,half,HALF)

uses: $(SETUP) ## draw the pictures of docs/uses.md, and write what the released weights read in them into it
	@$(PY) -m training.evaluate.gallery.run --weights $(NUMBERS) $(MNIST)

scenes: $(WEIGHTS) | $(SETUP) ## read drawn scenes as people send them, and print the table: SETS=tight,rows
	@$(PY) -m training.evaluate.ladders.run --weights $< --out reports/$(NAME) $(MNIST) $(call flag,only,SETS)

corruptions: $(WEIGHTS) | $(SETUP) ## print the accuracy of WEIGHTS on PICTURES (10000) test pictures under 15 corruptions
	@$(PY) -m training.evaluate.corrupted --weights $< --pictures $(PICTURES) $(MNIST)

compare: $(WEIGHTS) | $(SETUP) ## accuracy, size, multiply-adds and speed of weights: make compare WEIGHTS="A B C"
	@$(PY) -m export.compare --weights $(WEIGHTS) $(MNIST)

bench-canvas: $(SETUP) ## measure the processor time of decoding a picture and making its canvas
	@$(PY) -m training.evaluate.canvas_cost $(MNIST)

# What draws its own pictures trains in PROCESSES of one thread each, where that is given: docs/training.md.
DRAWN = $(if $(PROCESSES),OMP_NUM_THREADS=1 $(PY) -m torch.distributed.run --standalone --nproc-per-node $(PROCESSES) -m --,$(PY) -m)

eye: $(SETUP) ## train the eye, which finds the digit in a picture, and publish it as the shipped one: about an hour on two cores, VERSION=1.1, PROCESSES
	$(DRAWN) training.eye.train_eye --out $(dir $(EYE)) $(MNIST) $(if $(VERSION),--version $(VERSION)) $(FLAGS)

numbers: $(SETUP) ## train the reader of numbers on drawn lines, and publish it as the shipped one: VERSION=1.1, PROCESSES
	$(DRAWN) training.lines.train_numbers --out training/released $(MNIST) $(if $(VERSION),--version $(VERSION)) $(FLAGS)

finder: $(SETUP) ## train the net that finds numbers on drawn pages, and publish it as the shipped one: VERSION=1.1, PROCESSES
	$(DRAWN) training.pages.train_finder --out $(dir $(FINDER)) $(MNIST) $(if $(VERSION),--version $(VERSION)) $(FLAGS)

release: $(SETUP) ## train the release recipe with SEEDS seeds, publish the best on validation as the shipped weights: VERSION=1.1
	@$(PY) -m training.release $(if $(VERSION),--version $(VERSION))
	$(PY) -m training.train --recipe release --run runs/release-many --seeds $(SEEDS) $(MNIST) $(FLAGS)
	$(PY) -m training.release --version $(VERSION) --runs runs/release-many/seed-*

export: $(ARCHIVES) ## build and check the archives; FORMS=float16,int8,bfloat16 for more forms, MODELS=names for other models, LATENCY=on for clients alone

.SECONDEXPANSION:
$(call told,archive): $$(call held,$$@) $$(call told,beside@$$@) $$(call told,config@$$@) $(INSIDE) $(SIGNING_KEY) $(PACKED_FOR) $(call needs,export.to_mar) | $(SETUP)
	$(PY) -m export.to_mar --weights $< --archive $@ $(addprefix --beside ,$(call told,beside@$@)) --config $(call told,config@$@) $(call flag,latency,LATENCY) $(MNIST)

$(STORE)/eye.onnx: $(EYE) $(SIGNING_KEY) $(call needs,export.eye_to_onnx) | $(SETUP)
	$(PY) -m export.eye_to_onnx --weights $< --graph $@ $(MNIST)

$(call told,numbers-onnx): $(NUMBERS) $(SIGNING_KEY) $(call needs,export.line_to_onnx) | $(SETUP)
	$(PY) -m export.line_to_onnx --weights $< --graph $@ $(MNIST)

$(STORE)/finder.onnx: $(FINDER) $(SIGNING_KEY) $(call needs,export.finder_to_onnx) | $(SETUP)
	$(PY) -m export.finder_to_onnx --weights $< --graph $@ $(MNIST)

$(call told,onnx): $(WEIGHTS) $(CHOSEN) $(SIGNING_KEY) $(call needs,export.to_onnx) | $(SETUP)
	$(PY) -m export.to_onnx --weights $< --graph $@ --form $(call told,form@$@) $(MNIST)

$(call told,pytorch): $(WEIGHTS) $(CHOSEN) $(SIGNING_KEY) $(call needs,export.to_torch) | $(SETUP)
	$(PY) -m export.to_torch --weights $< --target $@ --form $(call told,form@$@) $(MNIST)

keys: $(SETUP) ## make the pair of keys by which what is exported is signed, and checked before it is served: docs/signing.md
	@$(PY) -m export.signing

image: $(SETUP) ## build the server's image of what make export has built, with Docker or buildah: TARGET=onnx or torch, MODELS=names, TAG, BASE: docs/image.md
	@$(PY) -m deploy.image $(call flag,target,TARGET) $(call flag,models,MODELS) $(call flag,tag,TAG) $(call flag,base,BASE)

bench: export build/bench/stock.mar $(CHOSEN_PEERS:%=.venv-peers/%/installed) ## compare our server with others: PEERS, FORMS, TARGETS, WORKERS, BENCH_SECONDS, BENCH_ROUNDS, BENCH_CONNECTIONS
	@$(PY) -m bench.servers $(MNIST) $(BENCH_FLAGS)

bench-batches: export ## processor time of a worker for a request, with frames.py and with TorchServe's own reading of batches
	@$(PY) -m bench.batches $(MNIST)

bench-steps: export ## processor time of each step of a request in a worker, in batches and lists
	@OMP_NUM_THREADS=1 $(PY) -m bench.steps $(MNIST)

bench-client: export ## 1,000 pictures by the client's read_many and by the bench's own driver, side by side: BENCH_ROUNDS, BENCH_SECONDS, BENCH_PORT
	@$(PY) -m bench.client_speed $(MNIST) $(call flag,rounds,BENCH_ROUNDS) $(call flag,seconds,BENCH_SECONDS) $(call flag,port,BENCH_PORT)

tune: export ## find the best workers, threads, batch and delay on this machine: TARGET (digits_onnx), MINUTES (5)
	@$(PY) -m bench.tune $(MNIST) $(call flag,target,TARGET) $(call flag,minutes,MINUTES) $(call flag,port,BENCH_PORT)

.venv-peers/%/installed: $(PEERS_AT)/%.txt | $(SETUP)
	@echo "making .venv-peers/$*"
	@.venv/bin/uv venv --quiet --clear --python $(PYTHON) $(@D)
	@$(if $(PIP_INDEX_URL),UV_DEFAULT_INDEX=$(PIP_INDEX_URL)) .venv/bin/uv pip install --quiet --python $(@D)/bin/python -r $<
	@touch $@

build/bench/stock.mar: $(WEIGHTS) $(CHOSEN) $(wildcard bench/stock/*) $(call needs,bench.stock.archive) | $(SETUP)
	@$(PY) -m bench.stock.archive --weights $< --archive $@

bench-models: export runs/seed/digits.onnx ## accuracy, size, memory and speed of every form of the model, in reports/bench-models
	@$(PY) -m bench.models --weights $(WEIGHTS) --seed-graph runs/seed/digits.onnx $(MNIST)

runs/seed/digits.onnx: $(call needs,export.to_onnx) | $(SETUP)
	$(PY) -m training.train --recipe paper --epochs 2 --run $(@D) --resume $(MNIST)
	$(PY) -m export.to_onnx --weights $(@D)/digits.pt --graph $@ $(MNIST)

smoke: $(SETUP) ## check the running server with known pictures and ten digits
	@$(PY) -m deploy.smoke $(SERVER) $(MNIST)

chaos: $(ARCHIVES) ## break a separate server, or pods, under load in sixteen ways and count the outcomes of the requests; FAULTS=names
	@$(PY) -m chaos.run $(call flag,faults,FAULTS) $(MNIST)

soak: $(ARCHIVES) ## MINUTES (30) of mixed traffic at 60 % of the knee: memory, latency, errors, with a plot
	@$(PY) -m chaos.soak $(call flag,minutes,MINUTES) $(MNIST)

loadtest: $(SETUP) ## load-test the running server: PROFILE (steady), TARGET, LOADTEST_SECONDS, HOST, TOKEN, BASELINE: docs/loadtest.md
	@$(PY) -m loadtest.run $(SERVER) $(MNIST) $(LOADTEST_FLAGS) $(call flag,host,HOST) $(call flag,management,MANAGEMENT)

# Of the server that make run has started, whatever HOST the environment names: some shells set it.
$(LOADTEST): $(ARCHIVES) config.properties $(call needs,loadtest.run) $(call needs,loadtest.locustfile) $(wildcard loadtest/*/*.j2 loadtest/*.yaml loadtest/budgets/steady/*.yaml)
	@$(PY) -m loadtest.run $(SERVER) $(MNIST) $(LOADTEST_FLAGS)
	@touch $@

test: $(SETUP) ## all tests, in TEST_PROCESSES (2): the fast ones first, then the slow ones and those that start a real server
	$(PY) -m pytest $(SIDE_BY_SIDE) -m "not server and not slow"
	$(PY) -m pytest $(SIDE_BY_SIDE) -m "server or slow"

check: $(SETUP) ## ruff and mypy
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy

fmt: $(SETUP) ## format the code
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

audit: $(SETUP) ## check known vulnerabilities, the locks, what is installed and TorchServe's jar; fails if one is wrong
	@$(PY) -m deploy.supply.audit

sbom: $(ARCHIVES) ## bills of materials (CycloneDX 1.6) of the environment and of each archive, in build/sbom
	@$(PY) -m deploy.supply.sbom

# uv keeps the versions that the output file has, where it can: so the smaller locks begin as copies of the whole one.
lock: $(SETUP) ## write the three locked requirements again from pyproject.toml: of everything, and of a serving machine
	$(LOCK) client/pyproject.toml $(addprefix --extra ,$(EXTRAS)) -o requirements.txt
	for extra in serve serve-onnx; do \
		cp requirements.txt requirements-$$extra.txt && $(LOCK) --extra $$extra -o requirements-$$extra.txt || exit 1; \
	done

clean: ## remove what was built: runs, reports, archives, caches; .venv and data stay
	rm -rf runs reports run logs build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find model_store -type f ! -name README.md -delete
