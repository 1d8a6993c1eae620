/* THE command table.  The order here is the order of the help. */
#include "cli/command.h"

#include "cli/verbs.h"

static const struct flag global_flags[] = {
    {"socket", 0, "PATH", "the agent's socket (STRATOS_SOCKET)", false},
    {"host", 0, "HOST[:PORT]",
     "speak to a remote agent's peer port, sealed with the secret", false},
    {"secret-file", 0, "FILE", "the cluster's secret, for --host and for an agent",
     false},
    {"namespace", 'n', "NS", "of what is named (default: default); NS/JOB works too",
     false},
    {"json", 0, NULL, "one JSON object on stdout; streams one a line", false},
    {"help", 'h', NULL, "what a command takes", false},
    {0},
};

static const struct flag agent_flags[] = {
    {"config", 0, "FILE", "read stratos.yaml; every flag here is a key there", false},
    {"name", 0, "NAME", "of the node (default: the host's name)", false},
    {"data", 0, "DIR", "where identity, table, tasks and logs live", false},
    {"join", 0, "ADDR[,ADDR]", "peers to greet first; may be given again", false},
    {"no-discover", 0, NULL, "no multicast on the LAN", false},
    {"bind", 0, "ADDR:7780", "for peers (default: the first routable address there is)",
     false},
    {"http", 0, "ADDR:7781", "API and metrics (default: loopback)", false},
    {"http-open", 0, NULL, "serve all of the API on loopback without a token", false},
    {"dns", 0, "ADDR:8600", "DNS (default: loopback)", false},
    {"attr", 0, "K=V", "an attribute for constraints; may be given again", false},
    {"cpu", 0, "CORES", "offered to tasks (default: all)", false},
    {"memory", 0, "SIZE", "offered to tasks (default: most of it)", false},
    {"ports", 0, "LO-HI", "for dynamic ports (default: 20000-29999)", false},
    {"profile", 0, "lan|wan|local", "how patient gossip is (default: lan)", false},
    {"ack", 0, "N|majority|all",
     "what orders want that do not say (default: 2 if there are)", false},
    {"adopt", 0, NULL, "take data that another host made: this host replaces it", false},
    {"new-identity", 0, NULL, "set such data aside, and join as a new node", false},
    {"stop-tasks", 0, NULL, "run no agent: stop what one that is gone has left", false},
    {"reap", 0, "D", "forget a node that has been gone for D (default: 3d)", false},
    {"debug", 0, NULL, "log every detail", false},
    {"record", 0, "FILE",
     "write what it is told to a new file, for `replay`", false},
    {"tasks-die", 0, NULL, "with the agent", true},
    {0},
};

static const struct flag dev_flags[] = {
    {"nodes", 0, "N", "how many agents (default: 3)", false},
    {"dir", 0, "DIR", "keep everything here (default: a new one, removed at the end)",
     false},
    {"detach", 0, NULL, "leave them running in the background", false},
    {"stop", 0, NULL, "end the detached agents of --dir", false},
    {"tasks-survive", 0, NULL,
     "a killed node's tasks go on, as when an agent is upgraded", false},
    {"profile", 0, "lan|wan|local", "how patient gossip is (default: local)", false},
    {0},
};

static const struct flag demo_http_flags[] = {
    {"port", 0, "N", "listen here (default: PORT, or 8080)", false},
    {"fail-health-after", 0, "D", "GET /health fails from then on", false},
    {0},
};

static const struct flag run_flags[] = {
    {"count", 0, "N", "with --: how many instances (default: 1)", false},
    {"port", 0, "NAME[=N]", "with --: a port, a free one or N; may be given again",
     false},
    {"env", 0, "NAME=VALUE", "with --: a variable; may be given again", false},
    {"cpu", 0, "CORES", "with --: what each reserves (default: 0.1)", false},
    {"memory", 0, "SIZE", "with --: what each may use (default: 128M)", false},
    {"print", 0, NULL, "with --: print the job file, submit nothing", false},
    {"image", 0, "I", "a container image", true}, /* asked for, and answered in words */
    {"every", 0, "CRON|D", "a schedule", true},
    {"expose", 0, "PORT", "a port of every node", true},
    {"param", 'p', "NAME=VALUE", "a value for one of the files' params", false},
    {"params", 0, "FILE", "values for them: a map in YAML; -p wins over it", false},
    {"detach", 0, NULL, "do not wait until it is healthy", false},
    {"timeout", 0, "D", "wait this long (default: 5m)", false},
    {"if-version", 0, "N|new", "only if the job's version is N now, or there is no job",
     false},
    {"note", 0, "TEXT", "why, for its history", false},
    {"keep-scale", 0, NULL, "a count set with `scale` stays, whatever the file says",
     false},
    {"ack", 0, "N|majority|all", "how many members must have it first", false},
    {"yes", 'y', NULL, "no questions", false},
    {0},
};

static const struct flag follow_flags[] = {
    {"detach", 0, NULL, "do not wait for the outcome", false},
    {"timeout", 0, "D", "wait this long (default: 5m)", false},
    {"ack", 0, "N|majority|all", "how many members must have it first", false},
    {0},
};

static const struct flag write_flags[] = {
    {"ack", 0, "N|majority|all", "how many members must have it first", false},
    {0},
};

static const struct flag rm_flags[] = {
    {"yes", 'y', NULL, "no questions", false},
    {"ack", 0, "N|majority|all", "how many members must have it first", false},
    {0},
};

static const struct flag logs_flags[] = {
    {"follow", 'f', NULL, "go on as lines come", false},
    {"tail", 0, "N", "the last N lines (default on a terminal: 100)", false},
    {"since", 0, "D", "only lines of the last 10m, or since a time", false},
    {"time", 't', NULL, "with time, node and version of each line", false},
    {"stdout", 0, NULL, "the output alone", false},
    {"stderr", 0, NULL, "the error stream alone", false},
    {"previous", 0, NULL, "the life before the last restart", false},
    {0},
};

static const struct flag status_flags[] = {
    {"label", 'l', "KEY[=VALUE]", "only jobs with this label; may be given again", false},
    {"output", 'o', "wide|json|name", "with causes, as JSON, or the jobs' names alone",
     false},
    {"watch", 0, NULL, "look again each second, on a terminal", false},
    {0},
};

static const struct flag jobs_flags[] = {
    {"label", 'l', "KEY[=VALUE]", "only jobs with this label; may be given again", false},
    {0},
};

static const struct flag events_flags[] = {
    {"follow", 'f', NULL, "go on as they happen", false},
    {"limit", 0, "N", "the last N (default: 100)", false},
    {0},
};

static const struct flag inspect_flags[] = {
    {"file", 0, NULL, "the job file as it was submitted, byte for byte", false},
    {"canonical", 0, NULL, "a job file of this job alone, in one form for all", false},
    {0},
};

static const struct flag init_flags[] = {
    {"batch", 0, NULL, "a job that ends", true}, /* asked for, and answered in words */
    {"cron", 0, NULL, "a job with a schedule", true},
    {"per-node", 0, NULL, "one instance on every node", true},
    {0},
};

static const struct flag gossip_flags[] = {
    {"all", 0, NULL, "and how far each writer's news is known", false},
    {0},
};

static const struct flag secret_flags[] = {
    {"write", 0, NULL, "into the secret file, instead of printing it", false},
    {0},
};

static const struct flag install_flags[] = {
    {"join", 0, "ADDR[,ADDR]", "peers to greet first, where a network has no multicast",
     false},
    {0},
};

static const struct flag uninstall_flags[] = {
    {"yes", 'y', NULL, "no questions", false},
    {0},
};

static const struct flag rotate_flags[] = {
    {"force", 0, NULL, "also where that locks out a node that is away", false},
    {"detach", 0, NULL, "do not wait for the outcome", false},
    {"timeout", 0, "D", "wait this long (default: 5m)", false},
    {"ack", 0, "N|majority|all", "how many members must have it first", false},
    {0},
};

static const struct flag token_flags[] = {
    {"read", 0, NULL, "for reading only (default: orders, too)", false},
    {"expires", 0, "D", "worth nothing after this long (default: 12h)", false},
    {"header", 0, NULL, "as a header line, for curl -H", false},
    {0},
};

static const struct flag ui_flags[] = {
    {"read", 0, NULL, "a page that may only look", false},
    {"expires", 0, "D", "signed in for this long (default: 12h)", false},
    {0},
};

static const struct flag validate_flags[] = {
    {"param", 'p', "NAME=VALUE", "a value for one of the files' params", false},
    {"params", 0, "FILE", "values for them: a map in YAML; -p wins over it", false},
    {0},
};

static const struct flag import_flags[] = {
    {"strict", 0, NULL, "end with 1 also when a value was changed or not carried over",
     false},
    {"without-image", 0, NULL, "let a command that is meant for an image run on the host",
     false},
    {0},
};

static const struct flag help_flags[] = {
    {"markdown", 0, NULL, "everything, as docs/CLI.md", false},
    {0},
};

#define JOBS "Jobs"
#define CLUSTER "Cluster"
#define SERVICES "Services"
#define VARIABLES "Variables"
#define OPERATE "Operate"
#define BRING "Bring"

static const struct command table[] = {
    {"init", JOBS, "[NAME]", "write a commented job file to start from (NAME: web)", NULL,
     "stratos init web", 0, 1, init_flags, verb_init},
    {"validate", JOBS, "FILE|DIR|-...",
     "say everything that is wrong with job files; needs no agent",
     "Of a directory all *.yaml, *.yml and *.json are taken.  Ends with 2 when anything "
     "is\n"
     "wrong.",
     "stratos validate web.yaml db.yaml", 1, WORDS_MAX, validate_flags, verb_validate},
    {"run", JOBS, "FILE|DIR|-... | NAME -- CMD...",
     "submit, and follow until it is healthy",
     "All jobs of all files are submitted together, all or none.  Of a directory all "
     "*.yaml,\n"
     "*.yml and *.json are taken.\n"
     "Says what of each job restarts, and for which keys.  What a task cannot see, such "
     "as\n"
     "labels, health and count, is taken over while it runs.  A count that `scale` has "
     "set\n"
     "is dropped for the file's; that is said, and --keep-scale keeps it.\n"
     "With -- the words after it are the command of job NAME.  The job file that they "
     "stand for\n"
     "is shown, and submitted like any other; --print only shows it.  At its end it says "
     "where\n"
     "the job is found:\n"
     "stratos run web --count 3 --port http -- /usr/bin/python3 -m http.server "
     "'${PORT_HTTP}'\n"
     "Ends with 4 when it cannot be placed, 5 when its instances fail, 7 on a version "
     "conflict,\n"
     "124 at the timeout.  Ctrl-C stops watching, not the work.",
     "stratos run web.yaml --timeout 2m", 1, WORDS_MAX, run_flags, verb_run},
    {"status", JOBS, "[JOB|JOB.N|NODE]", "what runs where, and how it is",
     "What needs somebody stands first, with a ! in front.", "stratos status web", 0, 1,
     status_flags, verb_status},
    {"jobs", JOBS, "", "all jobs", NULL, "stratos jobs --json", 0, 0, jobs_flags,
     verb_jobs},
    {"why", JOBS, "JOB|JOB.N", "why it is where it is, and not elsewhere", NULL,
     "stratos why web.0", 1, 1, NULL, verb_why},
    {"logs", JOBS, "JOB[.N]", "what its tasks wrote; all instances, or one",
     "Both streams of all instances from all nodes, in the order of time; lines of the "
     "error\n"
     "stream have ! in front.  Also of what was stopped or removed, as long as it is "
     "kept\n"
     "(task.logs.keep).  With -f it ends when nothing more can come.\n"
     "Ends with 1 when a part is missing, which is said.",
     "stratos logs web.0 -f", 1, 1, logs_flags, verb_logs},
    {"scale", JOBS, "JOB N", "change how many instances run", NULL, "stratos scale web 5",
     2, 2, follow_flags, verb_scale},
    {"restart", JOBS, "JOB", "start every instance anew, a few at a time", NULL,
     "stratos restart web", 1, 1, follow_flags, verb_restart},
    {"stop", JOBS, "JOB", "stop every instance; the job stays known", NULL,
     "stratos stop web", 1, 1, follow_flags, verb_stop},
    {"start", JOBS, "JOB", "start a stopped job", NULL, "stratos start web", 1, 1,
     follow_flags, verb_start},
    {"rm", JOBS, "JOB", "stop a job and forget it",
     "On a terminal it asks first; a no ends with 7.  -y does not ask.", "stratos rm web",
     1, 1, rm_flags, verb_rm},
    {"history", JOBS, "JOB", "its versions: when, by whom, what came of them", NULL,
     "stratos history web", 1, 1, NULL, verb_history},
    {"inspect", JOBS, "JOB[@vN|@HASH]", "the spec that is in force, or another version's",
     "`history` shows the hashes.  What lost to a concurrent submission can be seen as "
     "well, "
     "and\n"
     "submitted again with `run`.  --file gives back the text as it was submitted; where "
     "that is\nnot known it says so and gives the canonical form.",
     "stratos inspect web@v3 --file", 1, 1, inspect_flags, verb_inspect},

    {"members", CLUSTER, "", "the nodes: alive, suspect, dead, left", NULL,
     "stratos members", 0, 0, NULL, verb_members},
    {"gossip", CLUSTER, "", "who is in step, who is late and who is silent", NULL,
     "stratos gossip --all", 0, 0, gossip_flags, verb_gossip},
    {"trace", CLUSTER, "JOB[@vN]", "who has heard of a job's version", NULL,
     "stratos trace web@v7", 1, 1, NULL, verb_trace},
    {"events", CLUSTER, "", "what happened", NULL, "stratos events -f", 0, 0,
     events_flags, verb_events},
    {"join", CLUSTER, "ADDR", "tell the agent of a peer",
     "Ends with 1 when nobody answers within 3 s; then nothing was done, and nothing "
     "will be.",
     "stratos join 10.0.0.7:7780", 1, 1, NULL, verb_join},
    {"leave", CLUSTER, "", "move this node's work away and depart",
     "Ends with 1 when no other member heard of it: the node departs, and they will "
     "believe "
     "that\n"
     "it died.",
     "stratos leave", 0, 0, NULL, verb_leave},
    {"forget", CLUSTER, "NODE", "drop a dead node and all it published", NULL,
     "stratos forget n3", 1, 1, write_flags, verb_forget},

    {"services", SERVICES, "[NAME]", "services and their endpoints", NULL,
     "stratos services web", 0, 1, NULL, verb_services},
    {"resolve", SERVICES, "NAME", "what DNS answers for a name, and what it leaves out",
     NULL, "stratos resolve web.service.stratos", 1, 1, NULL, verb_resolve},

    {"var set", VARIABLES, "NAME VALUE|-", "keep a small value on every node",
     "With - the value is read from standard input, without one line end at its end.  "
     "Use "
     "that\n"
     "for secrets: everybody on this host sees the words of a command line in `ps`.",
     "stratos var set shop/greeting hello", 2, 2, write_flags, verb_var_set},
    {"var get", VARIABLES, "NAME", "print its value", NULL,
     "stratos var get shop/greeting", 1, 1, NULL, verb_var_get},
    {"var ls", VARIABLES, "", "all variables", NULL, "stratos var ls", 0, 0, NULL,
     verb_var_ls},
    {"var rm", VARIABLES, "NAME", "delete one", NULL, "stratos var rm shop/greeting", 1,
     1, write_flags, verb_var_rm},

    {"agent", OPERATE, "", "run this host's node", NULL,
     "stratos agent --secret-file /etc/stratos/secret --join 10.0.0.1", 0, 0, agent_flags,
     verb_agent},
    {"dev", OPERATE, "", "a cluster of agents on this machine, to try things",
     "Node i is on 127.77.0.i; DIR/n1/stratos.sock is the socket of the first.  Ctrl-C "
     "stops all\n"
     "agents and their tasks.  DIR/n1/agent.pid holds the agent's pid: kill -9 it to see "
     "what a\n"
     "lost host does.",
     "stratos dev --nodes 3", 0, 0, dev_flags, verb_dev},
    {"demo-http", OPERATE, "", "a tiny server to schedule: says which instance answered",
     NULL, "stratos demo-http --port 8080", 0, 0, demo_http_flags, verb_demo_http},
    {"token", OPERATE, "", "print a token for the HTTP API",
     "Any node takes it, until it expires or the cluster's secret is rotated; one token "
     "alone\n"
     "cannot be taken back.  With --namespace it reaches that namespace only.  For "
     "curl:\n"
     "curl -H \"$(stratos token --header)\" http://127.0.0.1:7781/v1/jobs",
     "stratos token --read --expires 90d", 0, 0, token_flags, verb_token},
    {"ui", OPERATE, "", "print the page's address, signed in",
     "Open it in a browser on this host.  What stands behind # is a token: do not pass "
     "it on.",
     "stratos ui", 0, 0, ui_flags, verb_ui},
    {"secret new", OPERATE, "", "make a new secret for a cluster",
     "It is printed; with --write it goes to the secret file, which is made for its "
     "owner "
     "alone.\n"
     "A secret that is there stays as it is, and the command ends with 1.",
     "stratos secret new --write", 0, 0, secret_flags, verb_secret_new},
    {"secret rotate", OPERATE, "", "give all nodes a new secret while they run",
     "Every agent writes it to its secret file.  A node that is away meanwhile needs "
     "that\n"
     "file copied to it.",
     "stratos secret rotate", 0, 0, rotate_flags, verb_secret_rotate},
    {"install", OPERATE, "", "put program and agent on this host, now and at boot",
     "The program goes to /usr/local/bin; /etc/stratos gets a secret (a new one, or that "
     "of\n"
     "--secret-file) and a stratos.yaml to fill in; systemd gets a unit.  Without "
     "systemd "
     "the\n"
     "agent is started in the background, and what starts it at boot is yours to say.\n"
     "What is there stays.  Given again with a newer program it upgrades the host;\n"
     "tasks run on.\n"
     "DESTDIR in the environment is put before every path, and nothing is started.",
     "stratos install --join 10.0.0.1", 0, 0, install_flags, verb_install},
    {"uninstall", OPERATE, "", "take it all away, but secret and data",
     "The agent is stopped and its tasks are ended.  `stratos leave` before it moves "
     "them "
     "to\n"
     "other nodes, and tells these that the node is gone for good.\n"
     "On a terminal it asks first; a no ends with 7.",
     "stratos uninstall", 0, 0, uninstall_flags, verb_uninstall},
    {"version", OPERATE, "", "this program's version", NULL, "stratos version", 0, 0,
     NULL, verb_version},
    {"replay", OPERATE, "FILE",
     "tell a node what `agent --record` wrote",
     "Needs no agent and changes nothing: the node has no network, no disk and no tasks. "
     " The\n"
     "file ends at 256 MiB, and holds the cluster's secret and all variables: keep it as "
     "you\n"
     "keep the secret.  Ends with 1 at the first input after which the node asks for "
     "something\n"
     "else than it did then.",
     "stratos replay n1.recording", 1, 1, NULL, verb_replay},
    {"help", OPERATE, "[COMMAND]", "this, or one command in full", NULL,
     "stratos help run", 0, 2, help_flags, verb_help},

    {"import", BRING, "marathon FILE|-", "turn a foreign job file into ours",
     "The job file goes to stdout.  What was changed or not carried over, and of which "
     "app no\n"
     "job was made, goes to stderr with its line and column.  Ends with 0 when a job was "
     "made\n"
     "of every app, 1 when of some, 2 when of none.",
     "stratos import marathon app.json > web.yaml", 2, 2, import_flags, verb_import},
};

const struct command_table command_table = {
    .commands = table,
    .n = sizeof(table) / sizeof(table[0]),
    .global_flags = global_flags,
};
